//! What a front door understood of a request, before names are looked up.

mod condition;
mod read;
mod write;

pub use condition::{Condition, Filter, Is, Operator, Quantifier, SearchParser, Test};
pub use read::{Aggregate, Embed, Field, Item, Level, Order, PathKey, PathStep};
pub use write::{Arguments, Body, Call, Conflict, Write, WriteKind};
