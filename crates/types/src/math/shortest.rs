//! The shortest decimal digits of a floating-point number, as PostgreSQL chooses them.
//!
//! It differs from Rust's formatting in two places. Digits that lie exactly halfway to the neighbouring number do not count as
//! reading back, though they would. And of two candidates that are equally near, the one with the even last digit is taken.

/// Zeros or nines that bring a text nearer to its number than any other number's half-way point can be.
const NEAR: usize = 60;

/// A number in digits and an exponent of ten, `d.ddde-5`. It is finite.
pub(super) fn double(value: f64) -> String {
    let shortest = format!("{value:e}");
    let digits = significant(&shortest);
    // Only these can be a half-way point of so few digits, or nearly as long as the number itself.
    let may_differ = digits >= 15 || (2_f64.powi(29)..1e40).contains(&value.abs());
    if !may_differ {
        return shortest;
    }
    let candidates = (digits..17).map(|digits| format!("{value:.*e}", digits - 1));
    let mut fitting = candidates.filter(|text| reads_back(text, |text| text.parse() == Ok(value)));
    fitting.next().unwrap_or_else(|| format!("{value:.16e}"))
}

/// [`double`] of a `real`.
pub(super) fn single(value: f32) -> String {
    let shortest = format!("{value:e}");
    let digits = significant(&shortest);
    let may_differ = digits >= 6 || (2_f32.powi(12)..1e19).contains(&value.abs());
    if !may_differ {
        return shortest;
    }
    let candidates = (digits..9).map(|digits| format!("{value:.*e}", digits - 1));
    let mut fitting = candidates.filter(|text| reads_back(text, |text| text.parse() == Ok(value)));
    fitting.next().unwrap_or_else(|| format!("{value:.8e}"))
}

fn significant(scientific: &str) -> usize {
    scientific.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count()
}

/// Whether a text reads as the number, and its nearest surroundings too.
fn reads_back(text: &str, is_the_number: impl Fn(&str) -> bool) -> bool {
    let Some((mantissa, exponent)) = text.split_once('e') else { return false };
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let point = if mantissa.contains('.') { "" } else { "." };
    let above = format!("{mantissa}{point}{}1e{exponent}", "0".repeat(NEAR));
    let is_above = is_the_number(text) && is_the_number(&above);
    // Shortest digits end with a zero in zero alone.
    let below = match mantissa.as_bytes().last() {
        Some(last @ b'1'..=b'9') => {
            let before = &mantissa[..mantissa.len() - 1];
            format!("{before}{}{point}{}e{exponent}", char::from(last - 1), "9".repeat(NEAR))
        }
        _ => return is_above,
    };
    is_above && is_the_number(&below)
}
