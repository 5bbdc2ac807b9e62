//! Functions that ask the session: `auth.uid()`, `now()`, `current_setting(...)`, and sequences.
use super::*;
use super::typed::Typed;
/// The function as a session parameter or sequence call, if it is one. `schema` is `None` for an unqualified name;
/// keywords without parentheses (`current_user`, `current_timestamp`) come with no arguments. Arguments are bound, and undecided
/// literals among them still of unknown type.
pub(super) fn function(_compiler: &mut Compiler<'_>, _schema: Option<&str>, _name: &str, _args: &[Typed]) -> Result<Option<Typed>> { Ok(None) }
