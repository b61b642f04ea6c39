//! A JSON object, one level deep.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonError, decode_string};

/// The entries of one JSON object in the order of their keys, values as they were written.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    fault: Option<JsonError>,
}

impl<'a> Object<'a> {
    /// The entries of the object that `text` is; `None` if it is something else.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The object, if all of its keys are strings of characters and differ.
    pub(crate) fn sound(self) -> Result<Self, JsonError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self),
        }
    }

    /// The value of a key that occurs exactly once.
    pub(crate) fn only(&self, key: &str) -> Option<&'a RawValue> {
        let mut values = self.entries.iter().filter(|(name, _)| name == key).map(|&(_, value)| value);
        // A second one makes it as if there were none: to take the first would be to guess.
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether the key occurs.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// Takes out the value of a key that occurs exactly once.
    pub(crate) fn take_only(&mut self, key: &str) -> Option<&'a RawValue> {
        self.only(key)?;
        self.take(key)
    }

    /// Takes a key's value out.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(index).1)
    }

    /// What is left, in the order of the keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut entries = Vec::new();
        let mut fault = None;
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            match decode_string(key.get()) {
                Ok(key) => entries.push((key, value)),
                // It goes on: the entries that are left may tell whom to answer, and the fault is what they are
                // answered.
                Err(error) => fault = Some(error),
            }
        }
        // A stable order, by which equal keys lie side by side, for the next line to find.
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let twice = entries.windows(2).find(|pair| pair[0].0 == pair[1].0);
        let fault = fault.or(twice.map(|pair| JsonError::duplicate_key(&pair[0].0)));
        Ok(Object { entries, fault })
    }
}
