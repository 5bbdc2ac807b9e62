//! What `basalt users` can be asked, as it stands on the command line.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

/// A ban that lasts until it is lifted.
const FOR_EVER: &str = "876000h";

/// What a user may be given.
#[derive(Args)]
pub struct Fields {
    /// The password; without one, the user signs in by a link or code
    #[arg(long, conflicts_with = "password_hash")]
    password: Option<String>,
    /// The hash of a password from elsewhere (bcrypt, argon2, scrypt)
    #[arg(long, value_name = "HASH")]
    password_hash: Option<String>,
    /// The role that policies and privileges know the user by
    #[arg(long)]
    role: Option<String>,
    /// What the user may change: an object, laid over what is there; null deletes a member
    #[arg(long, value_name = "JSON", value_parser = object)]
    user_metadata: Option<Object>,
    /// What the user can't change, and tokens tell: an object likewise
    #[arg(long, value_name = "JSON", value_parser = object)]
    app_metadata: Option<Object>,
}

/// An object in JSON.
type Object = Map<String, Value>;

fn object(text: &str) -> Result<Object, serde_json::Error> {
    serde_json::from_str(text)
}

impl Fields {
    /// What is given, under the names of the admin API.
    pub fn members(self) -> Object {
        let texts = [("password", self.password), ("password_hash", self.password_hash), ("role", self.role)];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
        let objects = [("user_metadata", self.user_metadata), ("app_metadata", self.app_metadata)];
        let objects = objects.into_iter().filter_map(|(name, object)| Some((name.to_owned(), object?.into())));
        texts.chain(objects).collect()
    }
}

/// What is asked.
#[derive(Subcommand)]
pub enum Action {
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
    /// Show all that the server tells of a user
    Show {
        /// The id or the address
        user: String,
    },
    /// Create a user, whose address counts as confirmed
    Create {
        /// An e-mail address, or a phone number with its plus sign
        address: String,
        /// The id; a fresh one without this
        #[arg(long)]
        id: Option<String>,
        /// The address has yet to be confirmed
        #[arg(long)]
        unconfirmed: bool,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change a user: what is named, and nothing else
    Update {
        /// The id or the address
        user: String,
        /// The new e-mail address
        #[arg(long)]
        email: Option<String>,
        /// The new phone number
        #[arg(long)]
        phone: Option<String>,
        /// The addresses count as confirmed
        #[arg(long)]
        confirm: bool,
        #[command(flatten)]
        fields: Fields,
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

/// What a link is for.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    Signup,
    Invite,
    Magiclink,
    Recovery,
    EmailChangeCurrent,
    EmailChangeNew,
}
