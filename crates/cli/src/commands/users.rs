//! `basalt users`: what the admin API does, from the command line.

mod action;

use basalt_server::Config;
use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use action::Action;

use super::ProjectFlag;
use crate::administering::Administration;
use crate::output::{self, FAINT, STRONG, styled};
use crate::report::{Failure, Report};
use crate::stopping::block_on;
use crate::workspace::for_development;

/// Users of one page of a search.
const PAGE: usize = 1000;

/// List, create, change, ban, delete and invite users of a running server; their sessions and factors
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

impl Users {
    pub fn run(self) -> Result<(), Failure> {
        let config = for_development(Config::load(&self.project.project, &[])?);
        let server = Administration::of(&self.project.project, &config, self.url.as_deref())?;
        let command = Command { server, json: self.json };
        block_on(async {
            match self.action {
                Action::List { filter, page, per_page } => command.list(filter.as_deref(), page, per_page).await,
                Action::Show { user } => command.show(&user).await,
                Action::Create { address, id, unconfirmed, fields } => {
                    let mut all = addressed(&address, !unconfirmed);
                    all.extend(given("id", id));
                    all.extend(fields.members());
                    command.create(all).await
                }
                Action::Update { user, email, phone, confirm, fields } => {
                    let mut all = fields.members();
                    all.extend(given("email", email));
                    all.extend(given("phone", phone));
                    if confirm {
                        all.extend(["email_confirm", "phone_confirm"].map(|name| (name.to_owned(), true.into())));
                    }
                    command.update(&user, all).await
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

    async fn show(&self, user: &str) -> Result<(), Failure> {
        let user = self.find(user).await?;
        match self.json {
            true => output::result(user),
            false => output::result(format_args!("{user:#}")),
        }
        Ok(())
    }

    async fn update(&self, user: &str, fields: Map<String, Value>) -> Result<(), Failure> {
        let user = self.find(user).await?;
        let user = self.server.ask(Method::PUT, &["admin", "users", id(&user)], &[], Some(&fields.into())).await?;
        self.tell("changed", &user);
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
    if moment("deleted_at").is_some() {
        return line + "  deleted";
    }
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
