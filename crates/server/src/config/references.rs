//! `env(NAME)` in the Supabase CLI's file: what the environment holds, read as its key takes it.

use serde_json::Value;

use super::ConfigError;
use super::environment::Variable;
use super::variables::Variables;

/// Takes the references out of a table: each becomes a variable for its key. In lists they become texts where they stand.
///
/// A table that says `enabled = false` may refer to what is not set: its key keeps the default.
///
/// Errors: a variable that is not set, with the key.
pub(super) fn taken(table: &mut Value, variables: &Variables) -> Result<Vec<Variable>, ConfigError> {
    let mut found = Vec::new();
    take(table, &mut Vec::new(), variables, &mut found)?;
    Ok(found)
}

fn take(
    value: &mut Value,
    path: &mut Vec<String>,
    variables: &Variables,
    found: &mut Vec<Variable>,
) -> Result<(), ConfigError> {
    let Value::Object(table) = value else { return Ok(()) };
    let is_off = table.get("enabled") == Some(&Value::Bool(false));
    let mut done = Vec::new();
    for (key, value) in table.iter_mut() {
        path.push(key.clone());
        if let Some(name) = name(value) {
            match variables.get(name) {
                Some(text) => found.push(Variable::referred(path.join("."), name, text)),
                None if is_off => {}
                None => return Err(unset(path, name)),
            }
            done.push(key.clone());
        } else if let Value::Array(items) = value {
            for item in items {
                let Some(name) = name(item) else { continue };
                match variables.get(name) {
                    Some(text) => *item = text.into(),
                    None if is_off => {}
                    None => return Err(unset(path, name)),
                }
            }
        } else {
            take(value, path, variables, found)?;
        }
        path.pop();
    }
    table.retain(|key, _| !done.contains(key));
    Ok(())
}

/// The variable that a value refers to.
fn name(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix("env(")?.strip_suffix(')')
}

fn unset(path: &[String], name: &str) -> ConfigError {
    ConfigError(format!(
        "configuration key `{}` is `env({name})`, and no variable {name} is set: set it, or write it into supabase/.env",
        path.join(".")
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::super::Config;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("supabase")).unwrap();
        for (file, text) in files {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        folder
    }

    fn load(path: &Path) -> Result<Config, String> {
        Config::load(path, &[]).map_err(|error| error.0)
    }

    #[test]
    fn a_reference_is_read_as_its_key_takes_it() {
        let file = "project_id = \"env(NAME)\"\n[api]\nport = \"env(PORT)\"\nschemas = [\"env(SCHEMA)\", \"other\"]\n\
            [auth]\nenable_signup = \"env(NO)\"\njwt_expiry = \"env(EXPIRY)\"\nsite_url = \"env(SITE)\"\n\
            additional_redirect_urls = [\"env(SITE)\", \"https://b.test\"]\n\
            [auth.email.smtp]\npass = \"env(NUMBER)\"\n\
            [auth.external.github]\nenabled = \"env(YES)\"\nclient_id = \"env(NUMBER)\"\nsecret = \"env(NUMBER)\"\n";
        let nearer = "NAME=\"a name\"\nPORT=5000\nSCHEMA=public\nNO=false\nEXPIRY=120\n# a comment\nexport YES=true\nNUMBER=0123\n";
        let folder = folder(&[
            ("supabase/config.toml", file),
            ("supabase/.env", nearer),
            (".env", "PORT=1\nSITE=https://a.test\nBASALT_API__MAX_ROWS=7\nBASALT_SERVER__PORT=6000\n"),
        ]);
        let config = load(folder.path()).unwrap();
        assert_eq!((&*config.project.name, config.server.port, config.api.max_rows), ("a name", 6000, 7));
        assert_eq!(config.api.schemas, ["public", "other"]);
        let auth = &config.auth;
        assert_eq!((auth.enable_signup, auth.jwt_expiry, &*auth.site_url), (false, 120, "https://a.test"));
        assert_eq!(auth.additional_redirect_urls, ["https://a.test", "https://b.test"]);
        assert_eq!(auth.email.smtp.pass, "0123");
        let github = &auth.external["github"];
        assert_eq!((github.enabled, &*github.client_id), (true, "0123"));
    }

    #[test]
    fn what_is_not_set_or_does_not_fit_is_told_with_its_key() {
        for (file, told) in [
            ("[auth]\nsite_url = \"env(BST_NOT_SET)\"\n", ["`auth.site_url`", "BST_NOT_SET"]),
            ("[api]\nschemas = [\"env(BST_NOT_SET)\"]\n", ["`api.schemas`", "BST_NOT_SET"]),
            ("[api]\nport = \"env(WORD)\"\n", ["`api.port`", "env(WORD)"]),
            ("[auth]\nenable_signup = \"env(WORD)\"\n", ["`auth.enable_signup`", "env(WORD)"]),
        ] {
            let error = load(folder(&[("supabase/config.toml", file), (".env", "WORD=word\n")]).path()).err().unwrap();
            assert!(told.iter().all(|part| error.contains(part)), "{error}");
        }
        let off = "[auth.external.apple]\nenabled = false\nsecret = \"env(BST_NOT_SET)\"\n\
            [auth.sms.twilio]\nenabled = false\nauth_token = \"env(BST_NOT_SET)\"\n";
        load(folder(&[("supabase/config.toml", off)]).path()).unwrap();
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_without_its_text() {
        let folder = folder(&[("basalt.toml", ""), (".env", "A=1\nSECRET=\"not ended\nB=2\n")]);
        let error = load(folder.path()).err().unwrap();
        assert!(error.contains("/.env:2: ") && !error.contains("not ended"), "{error}");
    }
}
