//! How strictly a batch is kept apart from other transactions. That is said when it begins, before any of its requests ran: by its role, and by the
//! functions that its paths name.

use std::collections::BTreeSet;

use basalt_db::Isolation;

use super::{Item, within};
use crate::door::{Door, Incoming, Route, route};

impl Door {
    /// The strictest level that the caller's role, or a function called, asks for. A name that is taken from an earlier answer is not known yet.
    pub(super) fn isolation(&self, incoming: &Incoming<'_>, items: &[Item], mount: &str) -> Isolation {
        let catalog = self.database.catalog();
        let level = |(name, value): (&String, &String)| (name == Isolation::SETTING).then(|| Isolation::of(value));
        let role = catalog.roles.get(&*incoming.identity.role);
        let of_role = role.into_iter().flat_map(|role| &role.settings).filter_map(level);
        let called = match self.options.hoisted.iter().any(|name| name == Isolation::SETTING) {
            true => items.iter().filter_map(|item| self.called(within(&item.path, mount))).collect(),
            false => BTreeSet::new(),
        };
        // Which one of a name is called depends on headers and arguments; the strictest is right for all.
        let named = catalog
            .functions
            .iter()
            .filter(|(name, _)| called.contains(&name.name) && self.options.planning.schemas.contains(&name.schema));
        let settings = named.flat_map(|(_, routines)| routines).flat_map(|routine| &routine.settings);
        let of_functions = settings.filter_map(|(name, value)| level((name, value)));
        of_role.chain(of_functions).max().unwrap_or_default()
    }

    /// The function that a request of this path calls.
    fn called(&self, path: &str) -> Option<String> {
        match route(path.split('?').next().unwrap_or_default()).ok()? {
            Route::Function(name) => Some(name),
            Route::Root => self.options.root_function.clone(),
            Route::Relation(_) => None,
        }
    }
}
