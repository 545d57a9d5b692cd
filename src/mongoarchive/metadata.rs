//! The JSON text that the archive's list has of each collection: options and indexes, in canonical Extended JSON v2
//! (`Metadata` in `mongodump/metadata_dump.go`). Names are kept, values are not.

use super::{Index, Key, Kind};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// What is read of it.
#[derive(Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) options: Options,
    #[serde(default)]
    pub(super) indexes: Vec<RawIndex>,
    pub(super) uuid: Option<String>,
    #[serde(rename = "collectionName")]
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Default)]
pub(super) struct Options {
    pub(super) names: BTreeSet<String>,
    capped: bool,
    view_on: Option<String>,
    time_field: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawIndex {
    name: Option<String>,
    #[serde(default)]
    key: Keys,
}

#[derive(Default)]
struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct TimeSeries {
    #[serde(rename = "timeField")]
    time_field: String,
}

/// Reads it; there is none of an oplog.
///
/// # Errors
/// It is no JSON, or not of this shape. The error has no value in it: only what serde says would have.
pub(super) fn read(text: &str) -> Result<Metadata, ()> {
    if text.is_empty() { Ok(Metadata::default()) } else { serde_json::from_str(text).map_err(|_| ()) }
}

impl Metadata {
    /// What the collection is. A view that was dumped as a collection (`--viewsAsCollections`) has lost `viewOn`.
    pub(super) fn kind(&self) -> Kind {
        match (self.options.time_field.clone(), self.options.view_on.clone()) {
            (Some(time_field), _) => Kind::TimeSeries { time_field },
            (None, Some(on)) => Kind::View { on },
            (None, None) if self.options.capped => Kind::Capped,
            (None, None) => Kind::Collection,
        }
    }

    pub(super) fn is_time_series(&self) -> bool {
        self.options.time_field.is_some()
    }

    /// Whether its UUID, where it has one, is one: hexadecimal digits, with or without hyphens.
    pub(super) fn has_a_good_uuid(&self) -> bool {
        let uuid = self.uuid.as_deref().unwrap_or_default();
        let digits = uuid.chars().filter(char::is_ascii_hexdigit).count();
        uuid.is_empty() || digits == 32 && uuid.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
    }
}

impl From<RawIndex> for Index {
    fn from(raw: RawIndex) -> Self {
        Self { name: raw.name.unwrap_or_default(), keys: raw.key.0 }
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OptionsVisitor)
    }
}

struct OptionsVisitor;

impl<'de> Visitor<'de> for OptionsVisitor {
    type Value = Options;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("options")
    }

    fn visit_unit<E>(self) -> Result<Options, E> {
        Ok(Options::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Options, A::Error> {
        let mut options = Options::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "capped" => options.capped = !matches!(map.next_value()?, Value::Bool(false) | Value::Null),
                "viewOn" => options.view_on = Some(map.next_value()?),
                "timeseries" => options.time_field = Some(map.next_value::<TimeSeries>()?.time_field),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            options.names.insert(name);
        }
        Ok(options)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the keys of an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((field, order)) = map.next_entry()? {
            keys.push(Key { field, order: order_of(&order) });
        }
        Ok(Keys(keys))
    }
}

/// `{"$numberInt":"1"}`, `{"$numberDouble":"1.0"}`, `1` and `1.0` are all `1`.
fn order_of(value: &Value) -> String {
    let text = match value {
        Value::String(text) => return text.clone(),
        Value::Object(number) => number.values().next().and_then(Value::as_str).unwrap_or_default().to_owned(),
        other => other.to_string(),
    };
    text.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_indexes_and_kinds_are_read_from_extended_json() {
        let text = r#"{"options":{"capped":true,"size":{"$numberInt":"4096"},"validator":{"$jsonSchema":{"required":["a"]}}},
            "indexes":[{"v":{"$numberInt":"2"},"key":{"b":{"$numberInt":"1"},"a":{"$numberDouble":"-1.0"},"t":"text"},"name":"b_1_a_-1"}],
            "uuid":"0123456789abcdef0123456789abcdef","collectionName":"things","type":"collection"}"#;
        let mut metadata = read(text).expect("metadata");
        assert!(metadata.has_a_good_uuid());
        assert_eq!(metadata.kind(), Kind::Capped);
        assert_eq!(metadata.options.names.iter().collect::<Vec<_>>(), ["capped", "size", "validator"]);
        let index = Index::from(metadata.indexes.remove(0));
        let keys: Vec<_> = index.keys.iter().map(|key| (key.field.as_str(), key.order.as_str())).collect();
        assert_eq!((index.name.as_str(), keys), ("b_1_a_-1", vec![("b", "1"), ("a", "-1"), ("t", "text")]));
    }

    #[test]
    fn what_is_no_metadata_is_told() {
        for text in ["{", "[]", "{\"options\":{\"timeseries\":{}}}", "{\"indexes\":[{\"key\":[]}]}", "{} {}"] {
            assert!(read(text).is_err(), "{text}");
        }
        for (text, kind) in [
            ("", Kind::Collection),
            ("{\"options\":null}", Kind::Collection),
            ("{\"options\":{\"capped\":false}}", Kind::Collection),
            ("{\"options\":{\"viewOn\":\"x\",\"pipeline\":[]}}", Kind::View { on: "x".into() }),
            ("{\"options\":{\"timeseries\":{\"timeField\":\"t\"}}}", Kind::TimeSeries { time_field: "t".into() }),
        ] {
            assert_eq!(read(text).expect(text).kind(), kind, "{text}");
        }
        for (uuid, good) in [("", true), ("01234567-89ab-cdef-0123-456789abcdef", true), ("0123", false), ("x", false)] {
            assert_eq!(Metadata { uuid: Some(uuid.into()), ..Metadata::default() }.has_a_good_uuid(), good, "{uuid}");
        }
    }
}
