//! The change log: what is written is told once, in order, to whoever may know.

mod judged;
mod killed;
mod logged;
mod reading;
mod world;
