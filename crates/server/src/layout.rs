//! Where in a project's folder its migrations and its seed are: in Basalt's own layout or the Supabase CLI's.

use std::path::{Path, PathBuf};

/// The root of the project that a user names by `named`: of a Supabase CLI's `supabase` folder it is the folder around it, so that
/// both names mean one project with one data folder.
pub fn root_of(named: &Path) -> PathBuf {
    let absolute = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
    let is_supabase =
        absolute.file_name().is_some_and(|name| name == "supabase") && !named.join("basalt.toml").exists();
    let around = absolute.parent().filter(|around| is_supabase && base(around).is_some_and(|base| base == absolute));
    around.map_or_else(|| named.to_owned(), Path::to_owned)
}

/// The folder that holds `migrations/` and the seed, if `root` is a project.
pub(crate) fn base(root: &Path) -> Option<PathBuf> {
    let supabase = root.join("supabase");
    if root.join("migrations").is_dir() {
        Some(root.to_owned())
    } else if supabase.join("config.toml").is_file() || supabase.join("migrations").is_dir() {
        Some(supabase)
    } else {
        (root.join("basalt.toml").is_file() || root.join("config.toml").is_file()).then(|| root.to_owned())
    }
}

/// The Supabase CLI's folder of migrations, if there are any in it.
pub(crate) fn second(root: &Path) -> Option<PathBuf> {
    let folder = root.join("supabase").join("migrations");
    let mut entries = std::fs::read_dir(&folder).ok()?.filter_map(Result::ok);
    entries.any(|entry| entry.path().extension().is_some_and(|extension| extension == "sql")).then_some(folder)
}
