//! `basalt users`: what the admin API does, from the command line.

use basalt_server::Config;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use super::ProjectFlag;
use crate::administering::Administration;
use crate::output::{self, FAINT, STRONG, styled};
use crate::report::{Failure, Report};
use crate::workspace::{block_on, for_development};

/// A ban that lasts until it is lifted.
const FOR_EVER: &str = "876000h";
/// Users of one page of a search.
const PAGE: usize = 1000;

/// List, create, ban, delete and invite users of a running server; their sessions and factors
#[derive(Args)]
pub struct Users {
    #[command(subcommand)]
    action: Action,
    /// The server. Without this, the one that the configuration describes
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    /// Print the server's answer as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    project: ProjectFlag,
}

#[derive(Subcommand)]
enum Action {
    /// List users, newest first
    List {
        /// Those whose address, number or name contains this
        filter: Option<String>,
        /// The page, from 1
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
        /// Users of a page
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        per_page: u32,
    },
    /// Create a user, whose address counts as confirmed
    Create {
        /// An e-mail address, or a phone number with its plus sign
        address: String,
        /// The password; without one, the user signs in by a link or code
        #[arg(long, conflicts_with = "password_hash")]
        password: Option<String>,
        /// The hash of a password from elsewhere (bcrypt, argon2, scrypt)
        #[arg(long, value_name = "HASH")]
        password_hash: Option<String>,
        /// The address has yet to be confirmed
        #[arg(long)]
        unconfirmed: bool,
    },
    /// Delete a user, and every row that goes with them
    Delete {
        /// The id or the address
        user: String,
        /// Keep the row, but nothing that tells who it was
        #[arg(long)]
        soft: bool,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Keep a user from signing in
    Ban {
        /// The id or the address
        user: String,
        /// How long: 30m, 24h, 2h45m
        #[arg(long = "for", value_name = "DURATION", default_value = FOR_EVER, hide_default_value = true)]
        duration: String,
    },
    /// Let a user in again
    Unban {
        /// The id or the address
        user: String,
    },
    /// List the sessions of a user
    Sessions {
        /// The id or the address
        user: String,
    },
    /// End the sessions of a user, or one of them
    SignOut {
        /// The id or the address
        user: String,
        /// The session
        #[arg(long, value_name = "ID")]
        session: Option<String>,
    },
    /// List the second factors of a user
    Factors {
        /// The id or the address
        user: String,
    },
    /// Remove a second factor that its user lost
    RemoveFactor {
        /// The id or the address
        user: String,
        /// The factor
        factor: String,
    },
    /// List what was done, newest first
    Audit {
        /// The page, from 1
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        page: u32,
    },
    /// Create a user and mail them a link
    Invite {
        /// The e-mail address
        email: String,
        /// Where the link leads in the end
        #[arg(long, value_name = "URL")]
        redirect_to: Option<String>,
    },
    /// Make a link and its code, and send nothing
    Link {
        /// What it is for
        kind: Kind,
        /// The e-mail address
        email: String,
        /// The address to change to
        #[arg(long, value_name = "EMAIL")]
        new_email: Option<String>,
        /// The password of a new user
        #[arg(long)]
        password: Option<String>,
        /// Where it leads in the end
        #[arg(long, value_name = "URL")]
        redirect_to: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    Signup,
    Invite,
    Magiclink,
    Recovery,
    EmailChangeCurrent,
    EmailChangeNew,
}

impl Users {
    pub fn run(self) -> Result<(), Failure> {
        let config = for_development(Config::load(&self.project.project, &[])?);
        let server = Administration::of(&self.project.project, &config, self.url.as_deref())?;
        let command = Command { server, json: self.json };
        block_on(async {
            match self.action {
                Action::List { filter, page, per_page } => command.list(filter.as_deref(), page, per_page).await,
                Action::Create { address, password, password_hash, unconfirmed } => {
                    let mut fields = addressed(&address, !unconfirmed);
                    fields.extend(given("password", password));
                    fields.extend(given("password_hash", password_hash));
                    command.create(fields).await
                }
                Action::Delete { user, soft, yes } => command.delete(&user, soft, yes).await,
                Action::Ban { user, duration } => command.ban(&user, &duration, "banned").await,
                Action::Unban { user } => command.ban(&user, "none", "may sign in again:").await,
                Action::Sessions { user } => {
                    command
                        .of_user(&user, "sessions", &["id", "aal", "created_at", "refreshed_at", "ip", "user_agent"])
                        .await
                }
                Action::SignOut { user, session } => command.sign_out(&user, session.as_deref()).await,
                Action::Factors { user } => {
                    command
                        .of_user(&user, "factors", &["id", "factor_type", "status", "friendly_name", "created_at"])
                        .await
                }
                Action::RemoveFactor { user, factor } => command.remove_factor(&user, &factor).await,
                Action::Audit { page } => command.audit(page).await,
                Action::Invite { email, redirect_to } => command.invite(&email, redirect_to.as_deref()).await,
                Action::Link { kind, email, new_email, password, redirect_to } => {
                    let kind = kind.to_possible_value().map(|kind| kind.get_name().to_owned()).unwrap_or_default();
                    let mut fields = Map::from_iter([("type".into(), kind.into()), ("email".into(), email.into())]);
                    fields.extend(given("new_email", new_email));
                    fields.extend(given("password", password));
                    fields.extend(given("redirect_to", redirect_to));
                    command.link(fields).await
                }
            }
        })
    }
}

struct Command {
    server: Administration,
    json: bool,
}

impl Command {
    async fn list(&self, filter: Option<&str>, page: u32, per_page: u32) -> Result<(), Failure> {
        let (page, per_page) = (page.to_string(), per_page.to_string());
        let mut query = vec![("page", page.as_str()), ("per_page", per_page.as_str())];
        query.extend(filter.map(|filter| ("filter", filter)));
        let answer = self.server.ask(Method::GET, &["admin", "users"], &query, None).await?;
        if self.json {
            output::result(&answer);
            return Ok(());
        }
        let users = list_of(&answer);
        for user in users {
            output::result(line(user));
        }
        output::note(styled(FAINT, output::count(users.len(), "user")));
        Ok(())
    }

    async fn create(&self, fields: Map<String, Value>) -> Result<(), Failure> {
        let user = self.server.ask(Method::POST, &["admin", "users"], &[], Some(&fields.into())).await?;
        self.tell("created", &user);
        Ok(())
    }

    async fn delete(&self, user: &str, soft: bool, yes: bool) -> Result<(), Failure> {
        let user = self.find(user).await?;
        let question = format!("Delete {}, and every row that goes with them?", address(&user));
        match if yes { Some(true) } else { output::confirm(&question) } {
            Some(true) => {}
            Some(false) => return Err(Report::error("nothing was changed").into()),
            None => {
                let report = Report::error("there is no terminal to ask whether the user may be deleted");
                return Err(report.help("Say so with --yes.").into());
            }
        }
        let body = json!({ "should_soft_delete": soft });
        self.server.ask(Method::DELETE, &["admin", "users", id(&user)], &[], Some(&body)).await?;
        self.tell("deleted", &user);
        Ok(())
    }

    async fn ban(&self, user: &str, duration: &str, what: &str) -> Result<(), Failure> {
        let user = self.find(user).await?;
        let body = json!({ "ban_duration": duration });
        let user = self.server.ask(Method::PUT, &["admin", "users", id(&user)], &[], Some(&body)).await?;
        self.tell(what, &user);
        Ok(())
    }

    /// Lists what the server keeps of a user: these members, a line each.
    async fn of_user(&self, user: &str, what: &str, members: &[&str]) -> Result<(), Failure> {
        let user = self.find(user).await?;
        let answer = self.server.ask(Method::GET, &["admin", "users", id(&user), what], &[], None).await?;
        self.rows(&answer, members);
        Ok(())
    }

    async fn sign_out(&self, user: &str, session: Option<&str>) -> Result<(), Failure> {
        let user = self.find(user).await?;
        let path: Vec<&str> = ["admin", "users", id(&user), "sessions"].into_iter().chain(session).collect();
        self.server.ask(Method::DELETE, &path, &[], None).await?;
        self.tell("signed out", &user);
        Ok(())
    }

    async fn remove_factor(&self, user: &str, factor: &str) -> Result<(), Failure> {
        let user = self.find(user).await?;
        self.server.ask(Method::DELETE, &["admin", "users", id(&user), "factors", factor], &[], None).await?;
        self.tell("removed the factor of", &user);
        Ok(())
    }

    async fn audit(&self, page: u32) -> Result<(), Failure> {
        let page = page.to_string();
        let answer = self.server.ask(Method::GET, &["admin", "audit"], &[("page", &page)], None).await?;
        if self.json {
            output::result(&answer);
            return Ok(());
        }
        for entry in answer.as_array().into_iter().flatten() {
            let payload = entry.get("payload").unwrap_or(&Value::Null);
            let shown = [
                text(entry, "created_at"),
                text(payload, "action"),
                text(payload, "actor_username"),
                text(entry, "ip_address"),
            ];
            output::result(shown.join("  "));
        }
        Ok(())
    }

    /// Objects of a list, these members of each on a line.
    fn rows(&self, list: &Value, members: &[&str]) {
        if self.json {
            return output::result(list);
        }
        for object in list.as_array().into_iter().flatten() {
            let shown: Vec<&str> =
                members.iter().map(|name| text(object, name)).filter(|text| !text.is_empty()).collect();
            output::result(shown.join("  "));
        }
    }

    async fn invite(&self, email: &str, redirect_to: Option<&str>) -> Result<(), Failure> {
        let query: Vec<_> = redirect_to.map(|url| ("redirect_to", url)).into_iter().collect();
        let user = self.server.ask(Method::POST, &["invite"], &query, Some(&json!({ "email": email }))).await?;
        self.tell("invited", &user);
        Ok(())
    }

    async fn link(&self, fields: Map<String, Value>) -> Result<(), Failure> {
        let answer = self.server.ask(Method::POST, &["admin", "generate_link"], &[], Some(&fields.into())).await?;
        if self.json {
            output::result(&answer);
            return Ok(());
        }
        output::result(text(&answer, "action_link"));
        output::note(format_args!("{} {}", styled(FAINT, "code"), text(&answer, "email_otp")));
        Ok(())
    }

    /// The user with this id or address.
    async fn find(&self, wanted: &str) -> Result<Value, Failure> {
        let is_address = wanted.contains('@') || wanted.starts_with('+');
        if !is_address {
            return self.server.ask(Method::GET, &["admin", "users", wanted], &[], None).await;
        }
        let wanted = wanted.trim_start_matches('+').to_lowercase();
        let size = PAGE.to_string();
        let query = [("filter", wanted.as_str()), ("per_page", size.as_str())];
        let answer = self.server.ask(Method::GET, &["admin", "users"], &query, None).await?;
        let found = list_of(&answer).iter().find(|user| [text(user, "email"), text(user, "phone")].contains(&&*wanted));
        found.cloned().ok_or_else(|| Report::error(format!("there is no user {wanted}")).into())
    }

    /// What was done to whom.
    fn tell(&self, what: &str, user: &Value) {
        match self.json {
            true => output::result(user),
            false => output::result(format_args!("{what} {}", line(user))),
        }
    }
}

/// An address under the name of its kind.
fn addressed(address: &str, confirmed: bool) -> Map<String, Value> {
    let kind = if address.starts_with('+') { "phone" } else { "email" };
    Map::from_iter([(kind.into(), address.into()), (format!("{kind}_confirm"), confirmed.into())])
}

fn given(name: &str, value: Option<String>) -> Option<(String, Value)> {
    value.map(|value| (name.to_owned(), value.into()))
}

/// A user on one line: id, address, and what is unusual.
fn line(user: &Value) -> String {
    let moment = |name| user.get(name).and_then(Value::as_str).and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let mut line = format!("{}  {}", id(user), styled(STRONG, address(user)));
    if moment("confirmed_at").is_none() && user.get("is_anonymous") != Some(&Value::Bool(true)) {
        line += "  unconfirmed";
    }
    if let Some(until) = moment("banned_until").filter(|until| *until > jiff::Timestamp::now()) {
        line += &format!("  banned until {until:.0}");
    }
    line
}

fn address(user: &Value) -> String {
    match (text(user, "email"), text(user, "phone")) {
        ("", "") => "anonymous".to_owned(),
        ("", phone) => format!("+{phone}"),
        (email, _) => email.to_owned(),
    }
}

fn list_of(answer: &Value) -> &[Value] {
    answer.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn id(user: &Value) -> &str {
    text(user, "id")
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}
