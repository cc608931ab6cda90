//! What a plain scalar is, as Kubernetes' own YAML reader decides it: goyaml v2 behind `sigs.k8s.io/yaml`, which still takes
//! YAML 1.1's `yes` and `0777`. Keys are typed the same way and then turned into strings.

/// A typed scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(&'a str),
}

/// The type and value of a plain scalar.
pub(super) fn resolve(text: &str) -> Scalar<'_> {
    match text.as_bytes().first() {
        None | Some(b'~') if text.len() <= 1 => Scalar::Null,
        Some(b'+' | b'-' | b'.' | b'0'..=b'9') => number(text).unwrap_or(Scalar::Text(text)),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') if text.len() <= 5 => word(text),
        _ => Scalar::Text(text),
    }
}

/// Words that mean something only in these three spellings each.
fn word(text: &str) -> Scalar<'_> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => Scalar::Bool(false),
        "null" | "Null" | "NULL" => Scalar::Null,
        text => Scalar::Text(text),
    }
}

fn number(text: &str) -> Option<Scalar<'_>> {
    if let Some(special) = special(text) {
        return Some(Scalar::Float(special));
    }
    // Underscores are dropped wherever they stand.
    let plain;
    let digits = if text.contains('_') {
        plain = text.replace('_', "");
        plain.as_str()
    } else {
        text
    };
    integer(digits).map(Scalar::Integer).or_else(|| float(digits).map(Scalar::Float))
}

fn special(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// An integer with an optional sign and base; as large as a signed or unsigned one of 64 bits.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The parser below takes a sign of its own, which would be a second one.
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, base).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    (value >= i128::from(i64::MIN)).then_some(value)
}

/// A decimal number; one too large for a float is a string, as in a pod template's hash such as `419e47668`.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    if !(has_digits && is_digits(whole) && is_digits(fraction) && exponent_fits) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The key that the API server sees for a plain one, where it differs from what is written: `y` is `true`, `0x10` is `16`.
pub(super) fn canonical_key(text: &str) -> Option<String> {
    let canonical = match resolve(text) {
        Scalar::Null | Scalar::Text(_) => return None,
        Scalar::Bool(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Float(value) if value.is_nan() => ".nan".to_owned(),
        Scalar::Float(value) if value.is_infinite() => if value > 0.0 { ".inf" } else { "-.inf" }.to_owned(),
        Scalar::Float(value) => value.to_string(),
    };
    (canonical != text).then_some(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_typed_as_yaml_1_1_has_them() {
        for text in ["y", "Yes", "ON", "true"] {
            assert_eq!(resolve(text), Scalar::Bool(true), "{text}");
        }
        for text in ["n", "No", "off", "FALSE"] {
            assert_eq!(resolve(text), Scalar::Bool(false), "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(resolve(text), Scalar::Null, "{text}");
        }
        for text in ["yEs", "nUll", "truely", "o", "~x", "team-x"] {
            assert_eq!(resolve(text), Scalar::Text(text), "{text}");
        }
    }

    #[test]
    fn numbers_are_typed_as_go_has_them() {
        let integers = [
            ("0777", 511),
            ("0o777", 511),
            ("1_000", 1000),
            ("0x1F", 31),
            ("0b11", 3),
            ("-12", -12),
            ("+5", 5),
            ("0", 0),
            ("18446744073709551615", u64::MAX.into()),
        ];
        for (text, value) in integers {
            assert_eq!(resolve(text), Scalar::Integer(value), "{text}");
        }
        for (text, value) in [("08", 8.0), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("1.10", 1.1), ("1e5", 100_000.0)]
        {
            assert_eq!(resolve(text), Scalar::Float(value), "{text}");
        }
        for text in ["12:30", "2026-11-23", "419e47668", "1.2.3", "10.0.0.0/8", "-", "+-1", "0x", "1e", ".", "--1"] {
            assert_eq!(resolve(text), Scalar::Text(text), "{text}");
        }
    }

    #[test]
    fn keys_become_strings() {
        assert_eq!(canonical_key("n").as_deref(), Some("false"));
        assert_eq!(canonical_key("0x10").as_deref(), Some("16"));
        assert_eq!(canonical_key("1.10").as_deref(), Some("1.1"));
        assert_eq!(canonical_key("80"), None);
        assert_eq!(canonical_key("name"), None);
    }
}
