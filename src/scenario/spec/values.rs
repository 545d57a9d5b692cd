//! Values that have more than one form in a file.

use crate::scenario::de::ONE_OR_MANY;
use crate::scenario::field::Field;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Where a secret lies: `{ env: NAME }` or `{ file: PATH }`. A literal value is refused.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(rename = "$assay::Secret")]
#[schemars(rename = "Secret")]
pub enum SecretSpec {
    /// The value of this environment variable.
    #[serde(rename = "env")]
    Env(#[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))] Field<String>),
    /// The content of this file, without the line break at its end. A relative path starts at the folder of the file it stands in.
    #[serde(rename = "file")]
    File(#[schemars(length(min = 1))] Field<String>),
}

/// One reference to a secret, or a list of them.
#[derive(Debug)]
pub struct SecretsSpec(pub Vec<Field<SecretSpec>>);

impl<'de> Deserialize<'de> for SecretsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(ONE_OR_MANY, SecretsVisitor)
    }
}

struct SecretsVisitor;

impl<'de> Visitor<'de> for SecretsVisitor {
    type Value = SecretsSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret, or a list of them")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<SecretsSpec, D::Error> {
        Field::deserialize(deserializer).map(|one| SecretsSpec(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<SecretsSpec, A::Error> {
        let mut secrets = Vec::new();
        while let Some(secret) = items.next_element()? {
            secrets.push(secret);
        }
        Ok(SecretsSpec(secrets))
    }
}

impl JsonSchema for SecretsSpec {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Secrets".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<SecretSpec>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// `auto`, or a whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoOr<const MIN: u32, const MAX: u32> {
    /// `auto`.
    Auto,
    /// The number.
    Number(u32),
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for AutoOr<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AutoVisitor)
    }
}

struct AutoVisitor<const MIN: u32, const MAX: u32>;

impl<const MIN: u32, const MAX: u32> AutoVisitor<MIN, MAX> {
    fn wrong<E: Error>() -> E {
        E::custom(format!("expected auto or a whole number; write `auto` or a number from {MIN} to {MAX}, without quotes"))
    }
}

impl<'de, const MIN: u32, const MAX: u32> Visitor<'de> for AutoVisitor<MIN, MAX> {
    type Value = AutoOr<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auto or a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match u32::try_from(number) {
            Ok(n) if (MIN..=MAX).contains(&n) => Ok(AutoOr::Number(n)),
            _ => Err(E::custom(format!("{number} is out of range; write `auto` or a number from {MIN} to {MAX}"))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == "auto" { Ok(AutoOr::Auto) } else { Err(Self::wrong()) }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Err(Self::wrong())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(Self::wrong())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(Self::wrong())
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for AutoOr<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("AutoOr{MIN}To{MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "const": "auto" }, { "type": "integer", "minimum": MIN, "maximum": MAX }] })
    }
}

/// A path, or a list of paths.
#[derive(Debug, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathsVisitor)
    }
}

struct PathsVisitor;

impl PathsVisitor {
    fn wrong<E: Error>() -> E {
        E::custom("expected a path or a list of paths")
    }
}

impl<'de> Visitor<'de> for PathsVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path or a list of paths")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![path.to_owned()]))
    }

    fn visit_u64<E: Error>(self, path: u64) -> Result<OneOrMany, E> {
        self.visit_str(&path.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMany, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = items.next_element()? {
            paths.push(path);
        }
        Ok(OneOrMany(paths))
    }

    fn visit_unit<E: Error>(self) -> Result<OneOrMany, E> {
        Err(Self::wrong())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<OneOrMany, A::Error> {
        Err(Self::wrong())
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 }
        ] })
    }
}
