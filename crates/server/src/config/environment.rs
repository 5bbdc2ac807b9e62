//! Variables (`BASALT_*`, and what a file refers to), read as what their keys take.
//!
//! A variable is text, and only the key knows whether `123456` is a number or a password, and whether `public,other` is a list. So each is
//! read as it looks first, then, where its key takes no such thing, as plain text, and then as a list separated by commas.

use figment::error::Kind;
use figment::util::nest;
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use super::variables::PREFIX;
use super::{ConfigError, explain};

/// What `figment` makes under these variables, of which each has another key, and then `flags`.
pub(super) fn extract<T: DeserializeOwned>(
    figment: &Figment,
    mut variables: Vec<Variable>,
    flags: &Figment,
) -> Result<T, ConfigError> {
    let mut first = None;
    loop {
        let merged = variables.iter().fold(figment.clone(), |figment, variable| figment.merge(variable));
        let error = match merged.merge(flags).extract() {
            Ok(extracted) => return Ok(extracted),
            Err(error) => error,
        };
        let of_type = error.clone().into_iter().filter(|error| matches!(error.kind, Kind::InvalidType(..)));
        let keys: Vec<String> = of_type.map(|error| error.path.join(".")).collect();
        let refused = variables.iter_mut().find(|variable| keys.contains(&variable.key));
        let next = refused.and_then(|variable| Some((variable.next_reading()?, variable)));
        match next {
            Some((reading, variable)) => {
                // What a person reads is what was wrong with the variable as it looks.
                if variable.reading == Reading::Apparent {
                    first = Some((variable.key.clone(), error));
                }
                variable.reading = reading;
            }
            None => {
                let of_same = |(key, _): &(String, Error)| error.path.join(".") == *key;
                let told = first.filter(of_same).map_or(error, |(_, first)| first);
                return Err(ConfigError(explain(told)));
            }
        }
    }
}

/// One variable.
#[derive(Clone)]
pub(super) struct Variable {
    /// The key's path: `api.max_rows`.
    pub key: String,
    /// As a person finds it: `BASALT_API__MAX_ROWS`, `env(NAME)`.
    shown: String,
    text: String,
    reading: Reading,
}

/// How a variable's text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As it looks: `1` is a number, `true` a truth value, `["a"]` a list.
    Apparent,
    /// As it is.
    Text,
    /// As the texts between its commas.
    List,
}

impl Variable {
    /// A `BASALT_*` variable.
    pub fn own(key: String, text: String) -> Variable {
        let shown = format!("{PREFIX}{}", key.replace('.', "__").to_uppercase());
        Variable { key, shown, text, reading: Reading::Apparent }
    }

    /// One that the Supabase CLI's file refers to.
    pub fn referred(key: String, name: &str, text: String) -> Variable {
        Variable { key, shown: format!("env({name})"), text, reading: Reading::Apparent }
    }

    fn next_reading(&self) -> Option<Reading> {
        match self.reading {
            Reading::Apparent => Some(Reading::Text),
            // What begins as a list in brackets, and is none, is a slip.
            Reading::Text => Some(Reading::List).filter(|_| !self.text.trim_start().starts_with('[')),
            Reading::List => None,
        }
    }

    fn value(&self) -> Value {
        match self.reading {
            Reading::Apparent => self.text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {}),
            Reading::Text => self.text.as_str().into(),
            Reading::List => {
                let parts = self.text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(Value::from).collect::<Vec<_>>().into()
            }
        }
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.shown.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(nest(&self.key, self.value()).into_dict().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;
    use figment::providers::Serialized;

    use super::super::Config;
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let owned = variables.iter().map(|(key, text)| Variable::own(key.to_string(), text.to_string()));
        extract(&Figment::from(Serialized::defaults(Config::default())), owned.collect(), &Figment::new())
    }

    #[test]
    fn a_text_may_look_like_anything() {
        for text in ["123456", "007", "1.50", "true", "false", "[x]", "a,b", "-1", "abc"] {
            let variables =
                ["auth.email.smtp.pass", "auth.secret_key", "project.name", "api.settings.x", "database.data_dir"];
            let config = with(&variables.map(|key| (key, text))).unwrap();
            assert_eq!((&*config.auth.email.smtp.pass, &*config.auth.secret_key), (text, text));
            assert_eq!((&*config.project.name, &*config.api.settings["x"]), (text, text));
            assert_eq!(config.database.data_dir.as_os_str(), text);
        }
    }

    #[test]
    fn lists_are_taken_in_both_forms() {
        for text in ["public,other", "public, other,", "[\"public\", \"other\"]"] {
            assert_eq!(with(&[("api.schemas", text)]).unwrap().api.schemas, ["public", "other"], "{text}");
        }
        assert_eq!(with(&[("api.schemas", "1")]).unwrap().api.schemas, ["1"]);
        assert!(with(&[("api.extra_search_path", "")]).unwrap().api.extra_search_path.is_empty());
        let proxies = with(&[("server.trusted_proxies", "10.0.0.0/8,::1/128")]).unwrap().server.trusted_proxies;
        assert_eq!(proxies.len(), 2);
    }

    #[test]
    fn numbers_and_truth_values_are_what_they_look_like() {
        let config = with(&[
            ("api.max_rows", "5"),
            ("limits.body", "1 MiB"),
            ("api.aggregates", "true"),
            ("log.format", "json"),
        ]);
        let config = config.unwrap();
        assert_eq!((config.api.max_rows, config.limits.body, config.api.aggregates), (5, ByteSize::mib(1), true));
    }

    #[test]
    fn what_a_key_cannot_take_is_told_as_it_looks() {
        let error = with(&[("project.name", "1"), ("server.port", "abc")]).err().unwrap();
        assert!(error.to_string().contains("`server.port`"), "{error}");
        assert!(error.to_string().contains("found string \"abc\""), "{error}");
        assert!(error.to_string().contains("BASALT_SERVER__PORT"), "{error}");
        assert!(with(&[("server.port", "1,2")]).err().unwrap().to_string().contains("found string"));
        assert!(with(&[("api.max_row", "1")]).is_err());
        for text in ["[\"public\"", "[public"] {
            let error = with(&[("api.schemas", text)]).err().unwrap().to_string();
            assert!(error.contains("BASALT_API__SCHEMAS") && error.contains("expected a list"), "{error}");
        }
    }
}
