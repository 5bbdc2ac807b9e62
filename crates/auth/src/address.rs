//! Addresses as they are stored: e-mail in lower case, phone numbers as digits.

use crate::error::{AuthError, Result};

/// How a user is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Email,
    Phone,
}

/// An address of a user's, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub channel: Channel,
    pub text: String,
}

impl Channel {
    /// Its name in members, columns and identities.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Phone => "phone",
        }
    }

    /// An address that somebody wrote.
    ///
    /// Errors: `validation_failed`.
    pub fn read(self, given: &str) -> Result<Address> {
        let text = match self {
            Channel::Email => email(given)?,
            Channel::Phone => phone(given)?,
        };
        Ok(Address { channel: self, text })
    }
}

/// Longest e-mail address, in bytes.
const MAX_EMAIL: usize = 255;

/// An e-mail address, checked and in lower case.
///
/// Errors: `validation_failed`.
pub(crate) fn email(given: &str) -> Result<String> {
    let email = given.trim().to_lowercase();
    if email.len() > MAX_EMAIL {
        return Err(AuthError::validation("An email address is too long"));
    }
    match email.parse::<lettre::Address>() {
        Ok(_) => Ok(email),
        Err(_) => Err(AuthError::validation("Unable to validate email address: invalid format")),
    }
}

/// A phone number (E.164) without the plus sign.
///
/// Errors: `validation_failed`.
pub(crate) fn phone(given: &str) -> Result<String> {
    let phone: String = given.chars().filter(|c| !matches!(c, ' ' | '+')).collect();
    let is_number = phone.bytes().all(|b| b.is_ascii_digit()) && !phone.starts_with('0');
    if is_number && (2..=15).contains(&phone.len()) {
        return Ok(phone);
    }
    Err(AuthError::validation("Invalid phone number format (E.164 required)"))
}

/// Judges by what way a message to a number is wanted: `sms`, the only one.
///
/// Errors: `validation_failed`.
pub(crate) fn judge_message_channel(channel: Option<&str>) -> Result<()> {
    match channel {
        None | Some("" | "sms") => Ok(()),
        Some(_) => Err(AuthError::validation("Invalid channel: messages to a number are sent by sms")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(email(" Ada@Example.COM ").unwrap(), "ada@example.com");
        for bad in
            ["", "ada", "ada@", "@example.com", "a@b@c", "ada@example.com\r\nBcc: x@example.com", "a b@example.com"]
        {
            assert!(email(bad).is_err(), "{bad:?}");
        }
        assert!(email(&format!("{}@example.com", "a".repeat(300))).is_err());
        assert_eq!(phone("+49 151 23456789").unwrap(), "4915123456789");
        for bad in ["", "1", "0151", "12a", "1234567890123456"] {
            assert!(phone(bad).is_err(), "{bad:?}");
        }
    }
}
