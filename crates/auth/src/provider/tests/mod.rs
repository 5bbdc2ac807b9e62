//! Every row of the table against a stand-in of its provider, and ID tokens that must not be taken.

mod stand_in;
mod table;
mod tokens;
