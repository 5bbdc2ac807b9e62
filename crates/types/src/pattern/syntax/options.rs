//! What the option letters of regular expressions choose.

use basalt_core::{Error, Result};

/// What the option letters and embedded options choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::pattern) struct Options {
    pub ignore_case: bool,
    /// `.` and negated brackets leave out the newline.
    pub newline_stops: bool,
    /// `^` and `$` match at every line.
    pub newline_anchors: bool,
    /// White space and comments are left out.
    pub expanded: bool,
    /// No character is special.
    pub literal: bool,
    pub global: bool,
}

impl Options {
    /// Reads option letters. 22023 for an unknown one.
    pub(in crate::pattern) fn read(letters: &str) -> Result<Options> {
        let mut options = Options::default();
        for letter in letters.chars() {
            if letter == 'g' {
                options.global = true;
            } else if !options.set(letter) {
                return Err(Error::new("22023", format!("invalid regular expression option: \"{letter}\"")));
            }
        }
        Ok(options)
    }

    /// Takes one; whether it is known.
    pub(super) fn set(&mut self, letter: char) -> bool {
        match letter {
            'i' => self.ignore_case = true,
            'c' => self.ignore_case = false,
            'n' | 'm' => (self.newline_stops, self.newline_anchors) = (true, true),
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.literal = true,
            'e' | 'b' => {}
            _ => return false,
        }
        true
    }
}
