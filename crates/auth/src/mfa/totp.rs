//! Codes of an authenticator app (RFC 6238): SHA-1, 6 digits, a new one every 30 seconds. Pure.

use basalt_core::constant_time_eq;
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::QrCode;
use qrcode::render::svg::Color;
use rand::RngExt as _;
use sha1::Sha1;

/// Seconds of a time step.
const PERIOD: i64 = 30;
/// Steps by which the app's clock may differ.
const SKEW: i64 = 1;
/// What a URI may show as it is, besides letters and digits (RFC 3986 section 2.3; `@` is plain in a path).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// A new secret in Base32: 160 bits, as RFC 4226 section 4 recommends.
pub(super) fn secret() -> String {
    let mut bytes = [0_u8; 20];
    rand::rng().fill(&mut bytes);
    BASE32_NOPAD.encode(&bytes)
}

/// The address that an app reads the secret from.
pub(super) fn uri(secret: &str, issuer: &str, account: &str) -> String {
    let (issuer, account) = (utf8_percent_encode(issuer, PLAIN), utf8_percent_encode(account, PLAIN));
    format!("otpauth://totp/{issuer}:{account}?algorithm=SHA1&digits=6&issuer={issuer}&period={PERIOD}&secret={secret}")
}

/// The address as a picture (SVG). Clients put it into a data URL as it is, so it has no `#`.
///
/// Errors: the address is too long for a QR code.
pub(super) fn picture(uri: &str) -> Result<String, String> {
    let code = QrCode::new(uri).map_err(|error| error.to_string())?;
    let svg = code.render().dark_color(Color("black")).light_color(Color("white")).build();
    Ok(svg.find("<svg").map(|start| svg[start..].to_owned()).unwrap_or(svg))
}

/// The step whose code this is, near `now` and after `last`: a code is good once.
pub(super) fn accepts(secret: &str, code: &str, now: Timestamp, last: Option<i64>) -> Option<i64> {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
    let current = now.as_second().div_euclid(PERIOD);
    // Every step is compared, so that the time tells nothing.
    let found = (current - SKEW..=current + SKEW)
        .filter(|step| code_of(&key, *step).is_some_and(|right| constant_time_eq(right.as_bytes(), code.as_bytes())))
        .max();
    found.filter(|step| last.is_none_or(|last| *step > last))
}

/// The code of a step (RFC 4226 section 5.3).
fn code_of(key: &[u8], step: i64) -> Option<String> {
    let digest = Hmac::<Sha1>::new_from_slice(key).ok()?.chain_update(step.to_be_bytes()).finalize().into_bytes();
    let offset = usize::from(digest[19] & 0xf);
    let number = [digest[offset] & 0x7f, digest[offset + 1], digest[offset + 2], digest[offset + 3]];
    Some(format!("{:06}", u32::from_be_bytes(number) % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238, appendix B: the last six digits of its eight.
    #[test]
    fn the_rfc_s_examples_are_accepted() {
        let secret = BASE32_NOPAD.encode(b"12345678901234567890");
        let cases = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (second, code) in cases {
            assert_eq!(accepts(&secret, code, at(second), None), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_is_good_for_its_neighbouring_steps_and_once() {
        let secret = BASE32_NOPAD.encode(b"12345678901234567890");
        let accepts = |second, last| accepts(&secret, "287082", at(second), last);
        // The code is that of step 1: seconds 30 to 59.
        assert_eq!([accepts(0, None), accepts(89, None)], [Some(1), Some(1)]);
        assert_eq!([accepts(90, None), accepts(59, Some(1)), accepts(59, Some(2))], [None, None, None]);
        assert_eq!(accepts(59, Some(0)), Some(1));
        assert_eq!(super::accepts(&secret, "", at(59), None), None);
        assert_eq!(super::accepts(&secret, "0287082", at(59), None), None);
    }

    #[test]
    fn the_address_is_escaped_and_drawn() {
        let secret = secret();
        assert_eq!(secret.len(), 32);
        let uri = uri(&secret, "My Shop: Ltd", "ada+1@example.com");
        let expected = format!(
            "otpauth://totp/My%20Shop%3A%20Ltd:ada%2B1@example.com?algorithm=SHA1&digits=6&issuer=My%20Shop%3A%20Ltd\
             &period=30&secret={secret}"
        );
        assert_eq!(uri, expected);
        let svg = picture(&uri).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains('#'), "{svg}");
        assert!(picture(&"x".repeat(5000)).is_err());
    }
}
