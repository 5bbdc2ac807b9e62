//! What is random, the same for the same seed.

use std::ops::{Deref, DerefMut};

use fastrand::Rng;

/// A source of random numbers that also says what may be wrong with a request: one thing at most, because engines may find
/// the faults of a request in another order.
pub struct Dice {
    random: Rng,
    may_fail: bool,
}

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice { random: Rng::with_seed(seed), may_fail: false }
    }

    /// The next request may have a fault, one in three.
    pub fn next_request(&mut self) {
        self.may_fail = self.random.u8(0..3) == 0;
    }

    /// Whether to make a fault here, once in `n` times where there may be one.
    pub fn fault(&mut self, n: u32) -> bool {
        let makes = self.may_fail && self.random.u32(0..n) == 0;
        self.may_fail &= !makes;
        makes
    }
}

impl Deref for Dice {
    type Target = Rng;

    fn deref(&self) -> &Rng {
        &self.random
    }
}

impl DerefMut for Dice {
    fn deref_mut(&mut self) -> &mut Rng {
        &mut self.random
    }
}

/// One of several.
pub fn pick<'a, T>(random: &mut Dice, among: &'a [T]) -> &'a T {
    &among[random.usize(0..among.len())]
}

/// One of several words.
pub fn word(random: &mut Dice, among: &[&'static str]) -> &'static str {
    among[random.usize(0..among.len())]
}

/// Whether something that happens once in `n` times happens.
pub fn one_in(random: &mut Dice, n: u32) -> bool {
    random.u32(0..n) == 0
}

/// A text as a query string holds it.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~(){},:".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
