//! The change log: what is written is told once, in order, to whoever may know.

mod logged;
mod world;
