//! The generated types, compiled strictly against the published client.

#![cfg(unix)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_generated_types_type_the_client() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = here.join("../../tests/clients/node_modules");
    if !modules.join(".bin/tsc").exists() || !modules.join("@supabase/supabase-js").exists() {
        eprintln!("skipped: `npm ci` in tests/clients installs what this needs");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(modules.canonicalize().unwrap(), folder.path().join("node_modules")).unwrap();
    std::fs::copy(here.join("src/typescript/golden.ts"), folder.path().join("database.ts")).unwrap();
    std::fs::copy(here.join("tests/typescript_use.ts"), folder.path().join("use.ts")).unwrap();
    let options = "--strict --noEmit --skipLibCheck --target es2022 --module preserve --moduleResolution bundler";
    let compiler = folder.path().join("node_modules/.bin/tsc");
    let compiled = Command::new(compiler).current_dir(&folder).args(options.split(' ')).arg("use.ts").output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stdout));
}
