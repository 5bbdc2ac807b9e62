//! What the measuring programs are told: how often, how long, and which of their measurements.

use crate::server::Failure;

/// The flags that they share.
pub struct Arguments {
    /// Rounds of each measurement.
    pub rounds: usize,
    /// Seconds of a round.
    pub seconds: u64,
    /// Part of the name of what is measured; empty: everything.
    pub only: String,
}

impl Arguments {
    /// Reads the command line.
    ///
    /// Errors: the usage, or a number that is none.
    pub fn read(usage: &'static str) -> Result<Arguments, Failure> {
        let mut words = std::env::args().skip(1);
        let mut arguments = Arguments { rounds: 5, seconds: 3, only: String::new() };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(usage)?;
            match flag.as_str() {
                "--rounds" => arguments.rounds = value.parse()?,
                "--seconds" => arguments.seconds = value.parse()?,
                "--only" => arguments.only = value,
                _ => return Err(usage.into()),
            }
        }
        Ok(arguments)
    }
}
