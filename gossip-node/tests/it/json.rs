//! Properties of JSON values: one canonical text each, exact numbers, a total order, the laws of an element.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use gossip_core::{Element, element_laws};
use gossip_node::{Json, JsonError};
use num_bigint::{BigInt, Sign};
use proptest::prelude::*;

const LIMIT: usize = 1 << 16;

fn json(text: &str) -> Json {
    Json::parse(text, LIMIT).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A value, apart from how it is written; numbers as mantissa and power of ten.
#[derive(Clone, Debug)]
enum Model {
    Atom(&'static str),
    Number(Decimal),
    String(String),
    Array(Vec<Model>),
    Object(BTreeMap<String, Model>),
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        prop_oneof![Just("null"), Just("false"), Just("true")].prop_map(Model::Atom),
        number().prop_map(Model::Number),
        text().prop_map(Model::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Model::Array),
            prop::collection::btree_map(text(), inner, 0..5).prop_map(Model::Object),
        ]
    })
}

/// A mantissa, and the power of ten that it is multiplied by.
#[derive(Clone, Debug)]
struct Decimal(BigInt, i64);

/// Few digits and powers as a rule, so that equal and nearly equal values are frequent; else more than any float has.
fn number() -> impl Strategy<Value = Decimal> {
    let mantissa = prop_oneof![
        (-20_i64..20).prop_map(BigInt::from),
        (-9_i64..9).prop_map(|digit| BigInt::from(digit * 1_000)),
        any::<i64>().prop_map(BigInt::from),
        prop::collection::vec(any::<u8>(), 0..30).prop_map(|bytes| BigInt::from_signed_bytes_le(&bytes)),
    ];
    // The last is as near to zero as an exponent of 18 digits goes, less what a spelling may add to it.
    let power = prop_oneof![4 => Just(0), 1 => Just(200), 1 => Just(-200), 1 => Just(100 - 10_i64.pow(18))];
    (mantissa, power, -12_i64..12).prop_map(|(mantissa, power, more)| Decimal(mantissa, power + more))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab\"\\\\/\n\u{0}\u{7f}é\u{301}\u{ff5e}😀]{0,4}",
        prop::collection::vec(any::<char>(), 0..4).prop_map(String::from_iter),
    ]
}

impl Model {
    /// One of its many spellings, chosen by `seed`.
    fn spelled(&self, seed: &mut u64) -> String {
        match self {
            Self::Atom(name) => (*name).into(),
            Self::Number(number) => spell_number(number, seed),
            Self::String(text) => spell_string(text, seed),
            Self::Array(values) => {
                let values: Vec<_> = values.iter().map(|value| value.spelled(seed)).collect();
                format!("[{}{}]", space(seed), values.join(&format!("{},{}", space(seed), space(seed))))
            }
            Self::Object(entries) => {
                let mut entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{}{}:{}", spell_string(key, seed), space(seed), value.spelled(seed)))
                    .collect();
                for i in (1..entries.len()).rev() {
                    entries.swap(i, pick(seed, i + 1));
                }
                format!("{{{}{}}}", space(seed), entries.join(&format!("{},", space(seed))))
            }
        }
    }
}

fn spell_number(Decimal(mantissa, power): &Decimal, seed: &mut u64) -> String {
    let zeros = pick(seed, 4);
    let digits = format!("{}{}", mantissa.magnitude(), "0".repeat(zeros));
    let mut power = power - i64::try_from(zeros).unwrap();
    let is_zero = mantissa.sign() == Sign::NoSign;
    let sign = if mantissa.sign() == Sign::Minus || (is_zero && pick(seed, 2) == 0) { "-" } else { "" };
    let point = 1 + pick(seed, digits.len());
    let mut text = if is_zero { "0".into() } else { digits[..point].to_string() };
    if !is_zero && point < digits.len() {
        text = format!("{text}.{}", &digits[point..]);
        power += i64::try_from(digits.len() - point).unwrap();
    } else if pick(seed, 2) == 0 {
        text += ".00";
    }
    match (power, pick(seed, 3)) {
        (0, 0) => format!("{sign}{text}"),
        (0.., 1) => format!("{sign}{text}E+0{power}"),
        _ => format!("{sign}{text}e{power}"),
    }
}

fn spell_string(text: &str, seed: &mut u64) -> String {
    let mut spelled = String::from("\"");
    for character in text.chars() {
        if pick(seed, 3) == 0 || character < ' ' || character == '"' || character == '\\' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                spelled += &if pick(seed, 2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
            }
        } else {
            spelled.push(character);
        }
    }
    spelled + "\""
}

fn space(seed: &mut u64) -> &'static str {
    ["", " ", "\n\t", "\r "][pick(seed, 4)]
}

fn pick(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap() % bound
}

/// The order of two numbers by arithmetic on integers.
fn order(a: &Decimal, b: &Decimal) -> Ordering {
    let lower = a.1.min(b.1);
    // No mantissa has 100 digits, so powers that are further apart than 100 decide by themselves, as 100 do.
    let scaled = |Decimal(mantissa, power): &Decimal| {
        mantissa * BigInt::from(10).pow(u32::try_from((power - lower).min(100)).expect("it is not below the lower one"))
    };
    scaled(a).cmp(&scaled(b))
}

fn hash(value: &Json) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    // Each value is decoded 260 times for each of its bytes.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_laws_of_an_element_hold(models in prop::collection::vec(model(), 1..6), mut seed: u64) {
        let values: Vec<_> = models.iter().map(|model| json(&model.spelled(&mut seed))).collect();
        prop_assert!(element_laws(&values).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn a_canonical_text_is_read_as_itself(model in model(), mut seed: u64) {
        let value = json(&model.spelled(&mut seed));
        prop_assert_eq!(&json(value.as_str()).to_string(), value.as_str());
        prop_assert_eq!(json(&value.to_string()), value);
    }

    #[test]
    fn every_spelling_of_a_value_is_that_value(model in model(), mut seed: u64) {
        let (one, other) = (model.spelled(&mut seed), model.spelled(&mut seed));
        prop_assert_eq!(json(&one), json(&other), "{} {}", one, other);
    }

    #[test]
    fn canonical_text_means_what_was_written(model in model(), mut seed: u64) {
        let written = model.spelled(&mut seed);
        let before: serde_json::Value = serde_json::from_str(&written).unwrap();
        let after: serde_json::Value = serde_json::from_str(json(&written).as_str()).unwrap();
        prop_assert!(alike(&before, &after), "{} {}", before, after);
    }

    #[test]
    fn numbers_are_compared_by_exact_value(a in number(), b in number(), mut seed: u64) {
        let [left, right] = [&a, &b].map(|number| json(&spell_number(number, &mut seed)));
        prop_assert_eq!(left.cmp(&right), order(&a, &b), "{} {}", left, right);
        prop_assert_eq!(left == right, order(&a, &b).is_eq());
        let again = json(&format!("{}e{}", &a.0 * 10, a.1 - 1));
        prop_assert_eq!((left.cmp(&again), hash(&left)), (Ordering::Equal, hash(&again)));
        prop_assert_eq!(again, left);
    }

    #[test]
    fn integers_are_written_as_integers(mantissa: i64, power in 0..40_u32) {
        let integer = BigInt::from(mantissa) * BigInt::from(10).pow(power);
        prop_assert_eq!(json(&format!("{mantissa}.000e{power}")).to_string(), integer.to_string());
    }

    #[test]
    fn the_order_is_total(models in prop::collection::vec(model(), 3), mut seed: u64) {
        let values: Vec<_> = models.iter().map(|model| json(&model.spelled(&mut seed))).collect();
        for a in &values {
            for b in &values {
                prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
                prop_assert_eq!(a.cmp(b).is_eq(), a == b);
                for c in &values {
                    prop_assert!(!(a <= b && b <= c) || a <= c, "{} {} {}", a, b, c);
                }
            }
        }
    }

    #[test]
    fn strings_are_compared_by_code_point(a in text(), b in text(), mut seed: u64) {
        let order = json(&spell_string(&a, &mut seed)).cmp(&json(&spell_string(&b, &mut seed)));
        prop_assert_eq!(order, a.chars().cmp(b.chars()));
    }

    #[test]
    fn the_limit_is_that_of_the_canonical_text(model in model(), mut seed: u64) {
        let spelled = model.spelled(&mut seed);
        let len = json(&spelled).as_str().len();
        prop_assert!(Json::parse(&spelled, len).is_ok());
        prop_assert_eq!(Json::parse(&spelled, len - 1), Err(JsonError::TooLong { limit: len - 1 }));
    }

    #[test]
    fn any_bytes_decode_to_nothing_or_to_what_encodes_to_them(len in 0..24_u8, text in "[-0-9.eE+\\[\\]{}:, \"\\\\utrfalsn]{0,24}") {
        let input = [&[len][..], text.as_bytes()].concat();
        let mut rest = &input[..];
        match Json::decode(&mut rest) {
            Some(value) => {
                let mut bytes = Vec::new();
                value.encode(&mut bytes);
                prop_assert_eq!([&bytes[..], rest].concat(), input);
            }
            None => prop_assert_eq!(rest, &input[..], "a refusal takes nothing"),
        }
    }

    #[test]
    fn what_is_not_json_is_refused(text in "[-0-9.eE+\\[\\]{}:, \"\\\\utrfalsn\u{0}\u{a}é]{0,16}") {
        let is_json = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        match Json::parse(&text, LIMIT) {
            Ok(_) => prop_assert!(is_json),
            Err(error) => prop_assert_eq!(matches!(error, JsonError::Syntax(_)), !is_json, "{}", error),
        }
    }
}

/// Equal, but for numbers, which `serde_json` reads less exactly than we do; they have properties of their own.
fn alike(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => true,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| alike(value, other)))
        }
        _ => a == b,
    }
}

#[test]
fn an_overlong_length_is_refused() {
    let encoding = |bytes: &[u8]| Json::decode(&mut &bytes[..]);
    assert_eq!(encoding(b"\x011"), Some(json("1")));
    assert_eq!(encoding(b"\x81\x001"), None);
    assert_eq!(encoding(b"\x81\x80\x001"), None);
    assert_eq!(encoding(b"\xff\xff\xff\xff\xff\x001"), None);
    assert_eq!(encoding(b"\x021 "), None, "a text that is not canonical");
    assert_eq!(encoding(b"\x0a1e99999999"), None, "an exponent");
    assert_eq!(encoding(b"\x03\"\xff\""), None, "not UTF-8");
    assert_eq!(encoding(b""), None);
}

#[test]
fn long_texts_are_elements_too() {
    for len in [125, 126, 127, 128, 16_381, 16_382, 16_383, 60_000] {
        let long = json(&format!("\"{}\"", "x".repeat(len)));
        assert_eq!(element_laws(&[json("1"), long]), Ok(()), "{len}");
    }
}

#[test]
fn nesting_costs_no_stack() {
    let deep = |depth: usize, open: &str, close: &str| open.repeat(depth) + "1" + &close.repeat(depth);
    assert!(Json::parse(&deep(Json::MAX_DEPTH, "[", "]"), LIMIT).is_ok());
    assert_eq!(Json::parse(&deep(Json::MAX_DEPTH + 1, "[", "]"), LIMIT), Err(JsonError::TooDeep));
    assert_eq!(Json::parse(&deep(1_000_000, "[", "]"), LIMIT), Err(JsonError::TooDeep));
    assert_eq!(Json::parse(&deep(1_000_000, "{\"a\":", "}"), LIMIT), Err(JsonError::TooDeep));
}
