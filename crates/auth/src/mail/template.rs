//! The texts of mails: templates with the variables that Supabase documents, in its notation (`{{ .ConfirmationURL }}`).

use std::path::Path;

use minijinja::{AutoEscape, Environment};
use serde_json::Value;

use crate::settings::Settings;

/// Longest subject or body that a template may grow to, in steps of its rendering.
const FUEL: u64 = 100_000;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Confirmation,
    Invite,
    MagicLink,
    Recovery,
    EmailChange,
    Reauthentication,
}

const KINDS: [Kind; 6] =
    [Kind::Confirmation, Kind::Invite, Kind::MagicLink, Kind::Recovery, Kind::EmailChange, Kind::Reauthentication];

impl Kind {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Confirmation => "confirmation",
            Kind::Invite => "invite",
            Kind::MagicLink => "magic_link",
            Kind::Recovery => "recovery",
            Kind::EmailChange => "email_change",
            Kind::Reauthentication => "reauthentication",
        }
    }

    /// Subject and body where the project has none of its own.
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Kind::Confirmation => (
                "Confirm your e-mail address",
                "<h2>Welcome</h2><p>Please confirm this address: <a href=\"{{ .ConfirmationURL }}\">confirm</a>, \
                 or enter the code <b>{{ .Token }}</b>.</p>",
            ),
            Kind::Invite => (
                "You have been invited",
                "<h2>You have been invited</h2><p>You have been invited to {{ .SiteURL }}: \
                 <a href=\"{{ .ConfirmationURL }}\">accept</a>, or enter the code <b>{{ .Token }}</b>.</p>",
            ),
            Kind::MagicLink => (
                "Your link to sign in",
                "<h2>Sign in</h2><p><a href=\"{{ .ConfirmationURL }}\">Sign in</a>, \
                 or enter the code <b>{{ .Token }}</b>.</p>",
            ),
            Kind::Recovery => (
                "Choose a new password",
                "<h2>A new password</h2><p><a href=\"{{ .ConfirmationURL }}\">Choose a new password</a>, \
                 or enter the code <b>{{ .Token }}</b>. If you did not ask for it, ignore this mail.</p>",
            ),
            Kind::EmailChange => (
                "Confirm your new e-mail address",
                "<h2>A new address</h2><p>Your address is to change from {{ .Email }} to {{ .NewEmail }}: \
                 <a href=\"{{ .ConfirmationURL }}\">confirm</a>, or enter the code <b>{{ .Token }}</b>.</p>",
            ),
            Kind::Reauthentication => {
                ("Confirm that it is you", "<h2>Is it you?</h2><p>Enter the code <b>{{ .Token }}</b>.</p>")
            }
        }
    }
}

/// All templates, parsed.
pub(super) struct Templates {
    environment: Environment<'static>,
    pub site_url: String,
}

impl Templates {
    /// The project's own templates, or ours.
    ///
    /// Errors: a file that can't be read, a template that can't be parsed, one that no mail has.
    pub fn new(settings: &Settings, project: &Path) -> Result<Templates, String> {
        let configured = &settings.email.template;
        if let Some(name) = configured.keys().find(|name| !KINDS.iter().any(|kind| kind.name() == name.as_str())) {
            let known: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
            return Err(format!("`auth.email.template.{name}` is no mail; there are {}", known.join(", ")));
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(
            |name| {
                if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
            },
        );
        for kind in KINDS {
            let (subject, body) = kind.text();
            let own = configured.get(kind.name());
            let subject = own.map(|own| own.subject.as_str()).filter(|text| !text.is_empty()).unwrap_or(subject);
            let file = own.map(|own| &own.content_path).filter(|path| !path.as_os_str().is_empty());
            let body = match file {
                Some(path) => std::fs::read_to_string(project.join(path)).map_err(|error| {
                    format!("`auth.email.template.{}.content_path` {}: {error}", kind.name(), path.display())
                })?,
                None => body.to_owned(),
            };
            for (part, text) in [("subject", subject), ("html", &body)] {
                let name = format!("{}.{part}", kind.name());
                let bad = |error| format!("`auth.email.template.{}`: {error}", kind.name());
                environment.add_template_owned(name, translate(text)).map_err(bad)?;
            }
        }
        Ok(Templates { environment, site_url: settings.site_url.clone() })
    }

    /// Subject and body.
    pub fn render(&self, kind: Kind, variables: &Value) -> Result<(String, String), String> {
        let part = |part: &str| {
            let template = self.environment.get_template(&format!("{}.{part}", kind.name()))?;
            template.render(minijinja::value::Serde(variables))
        };
        let subject = part("subject").map_err(|error| error.to_string())?;
        // A subject is one line, whatever a user's data says.
        let subject = subject.split(['\r', '\n']).collect::<Vec<_>>().join(" ");
        Ok((subject, part("html").map_err(|error| error.to_string())?))
    }
}

/// Go's notation as minijinja's: `{{ .X }}`, `{{ if .X }}`, `{{ else }}`, `{{ end }}`.
fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((inside, after)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        let words: Vec<&str> = inside.trim_matches(['-', ' ']).split_whitespace().collect();
        let bare = |word: &&str| word.strip_prefix('.').unwrap_or(word).to_owned();
        match words.as_slice() {
            ["if", condition @ ..] => {
                let condition: Vec<String> = condition.iter().map(bare).collect();
                out.push_str(&format!("{{% if {} %}}", condition.join(" ")));
            }
            ["else"] => out.push_str("{% else %}"),
            ["end"] => out.push_str("{% endif %}"),
            _ => {
                let words: Vec<String> = words.iter().map(bare).collect();
                out.push_str(&format!("{{{{ {} }}}}", words.join(" ")));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The names that templates may use, for the documentation's sake and the tests'.
#[cfg(test)]
const VARIABLES: [&str; 8] =
    ["SiteURL", "ConfirmationURL", "Token", "TokenHash", "RedirectTo", "Email", "NewEmail", "Data"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_s_notation_is_understood_and_escaped() {
        let text = "{{ .Email }}{{if .Data.name}} <b>{{ .Data.name }}</b>{{ else }}nobody{{ end }}";
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template_owned("t", translate(text)).unwrap();
        let render =
            |data: Value| environment.get_template("t").unwrap().render(minijinja::value::Serde(&data)).unwrap();
        let shown = render(serde_json::json!({"Email": "a@b.c", "Data": {"name": "<i>"}}));
        assert_eq!(shown, "a@b.c <b>&lt;i&gt;</b>");
        assert_eq!(render(serde_json::json!({"Email": "a@b.c", "Data": {}})), "a@b.cnobody");
    }

    #[test]
    fn a_subject_is_one_line() {
        let mut settings = Settings::default();
        let own = crate::settings::Template { subject: "Hello {{ .Data.name }}".into(), ..Default::default() };
        settings.email.template.insert("invite".into(), own);
        let templates = Templates::new(&settings, Path::new(".")).unwrap();
        let variables = serde_json::json!({"Data": {"name": "x\r\nBcc: all@example.com"}});
        let (subject, _) = templates.render(Kind::Invite, &variables).unwrap();
        assert_eq!(subject, "Hello x  Bcc: all@example.com");
    }

    #[test]
    fn ours_use_no_other_variables() {
        for kind in KINDS {
            let (subject, body) = kind.text();
            for (_, after) in [subject, body]
                .iter()
                .flat_map(|text| text.match_indices("{{ .").map(move |(at, _)| (at, &text[at + 4..])))
            {
                let name = after.split(' ').next().unwrap_or_default();
                assert!(VARIABLES.contains(&name), "{name}");
            }
        }
    }
}
