//! A serde deserializer over [`Node`]s that knows places and goes on after errors.
//!
//! serde ends at the first error. Here every [`Field`](super::field::Field) is a place to recover: its bad value is recorded
//! as a [`Problem`] and becomes `Field::Bad`, so one pass finds all errors and none of them follows from another. Unknown
//! keys are recorded; a misspelled one is then read as the key that was meant, so that its value is looked at too and the key
//! is not missed.

use super::diagnostic::nearest;
use super::failure::{Failure, its_keys, known_hint, literal_secret, one_key};
use super::field::FIELD;
use super::node::{Entry, Node, Value};
use super::source::{MOST_PROBLEMS, Place, Problem};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;

/// The serde name of a type that is a secret's reference: a literal value in its place is refused in words of its own.
pub(super) const SECRET: &str = "$assay::Secret";
/// How a type asks for a list or for one thing that stands alone.
pub(super) const ONE_OR_MANY: &str = "$assay::OneOrMany";

/// What a document came to.
#[derive(Debug)]
pub struct Typed<T> {
    /// The value; none when the document is not even a mapping.
    pub value: Option<T>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Reads a document as a `T`.
#[must_use]
pub fn read<T: for<'de> Deserialize<'de>>(document: &Node) -> Typed<T> {
    let state = State::default();
    let value = match T::deserialize(NodeDeserializer { node: document, state: &state }) {
        Ok(value) => Some(value),
        Err(failure) => {
            state.record(failure, document.place);
            None
        }
    };
    Typed { value, problems: state.problems.into_inner() }
}

#[derive(Default)]
struct State {
    problems: RefCell<Vec<Problem>>,
}

impl State {
    fn record(&self, failure: Failure, place: Place) {
        let mut problems = self.problems.borrow_mut();
        // One more than is told, so that who tells them knows that there are more.
        if problems.len() <= MOST_PROBLEMS {
            problems.push(Problem { place: failure.place.unwrap_or(place), message: failure.message, hint: failure.hint });
        }
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
    state: &'a State,
}

impl<'a> NodeDeserializer<'a> {
    const fn child(self, node: &'a Node) -> Self {
        Self { node, state: self.state }
    }

    fn expected<T>(self, what: &str) -> Result<T, Failure> {
        Err(Failure::expected(what, self.node))
    }

    fn text(self) -> Result<&'a str, Failure> {
        match &self.node.value {
            Value::Scalar { text, .. } => Ok(text),
            _ => self.expected("text"),
        }
    }

    /// The entries by known keys. Unknown ones are recorded, and those that are near a known one take its place if it is free.
    fn known_entries(self, entries: &'a [Entry], fields: &'static [&'static str]) -> Vec<(&'a str, &'a Entry)> {
        let (known, unknown): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| fields.contains(&entry.key.as_str()));
        let mut known: Vec<_> = known.into_iter().map(|entry| (entry.key.as_str(), entry)).collect();
        for entry in unknown {
            let key = &entry.key;
            self.state.record(Failure::new(format!("unknown key `{key}`"), Some(known_hint(key, fields))), entry.key_place);
            let meant = nearest(key, fields.iter().copied());
            known.extend(meant.filter(|meant| known.iter().all(|(key, _)| key != meant)).map(|meant| (meant, entry)));
        }
        known
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let place = self.node.place;
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar { text, plain } => match text.parse::<u64>() {
                Ok(number) if *plain => visitor.visit_u64(number),
                _ => visitor.visit_str(text),
            },
            Value::Sequence(_) => return self.deserialize_seq(visitor),
            Value::Mapping(_) => return self.deserialize_map(visitor),
        }
        .map_err(|failure: Failure| failure.at(place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.text()?).map_err(|failure: Failure| failure.at(self.node.place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar { text, plain: true } if text == "true" => visitor.visit_bool(true),
            Value::Scalar { text, plain: true } if text == "false" => visitor.visit_bool(false),
            _ => self.expected("true or false"),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Scalar { text, plain: true } => match (text.parse(), text.parse::<f64>()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (Err(_), Ok(_)) => {
                    let message = "expected a whole number, found one that is negative, has a fraction or is too large";
                    Err(Failure::new(message, None).at(self.node.place))
                }
                (Err(_), Err(_)) => self.expected("a whole number"),
            },
            _ => self.expected("a whole number"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.node.value == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Sequence(items) => visitor.visit_seq(Items { items: items.iter(), parent: self }),
            _ => self.expected("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Mapping(entries) => {
                visitor.visit_map(Entries::new(entries.iter().map(|entry| (entry.key.as_str(), entry)).collect(), self))
            }
            _ => self.expected("a mapping"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Mapping(entries) => visitor.visit_map(Entries::new(self.known_entries(entries, fields), self)),
            _ => Err(Failure { hint: Some(its_keys(self.node, fields)), ..Failure::expected("a mapping", self.node) }),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Failure> {
        match (name, &self.node.value) {
            (FIELD, _) => visitor.visit_seq(PlaceAndValue { step: 0, inner: self }),
            (ONE_OR_MANY, Value::Sequence(items)) => visitor.visit_seq(Items { items: items.iter(), parent: self }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let mut choice = match &self.node.value {
            Value::Scalar { .. } if name == SECRET => return Err(literal_secret().at(self.node.place)),
            Value::Scalar { text, .. } => Choice { name: text, place: self.node.place, word: "value", inner: None, parent: self },
            Value::Mapping(entries) => match entries.as_slice() {
                [Entry { key, key_place, node }] => {
                    Choice { name: key, place: *key_place, word: "key", inner: Some(node), parent: self }
                }
                _ => return Err(one_key(entries, variants).at(self.node.place)),
            },
            _ => return self.expected(&format!("one of {}", variants.join(", "))),
        };
        if !variants.contains(&choice.name) {
            let failure = choice.unknown(variants);
            let Some(meant) = nearest(choice.name, variants.iter().copied()) else { return Err(failure) };
            self.state.record(failure, choice.place);
            choice.name = meant;
        }
        visitor.visit_enum(choice).map_err(|failure| failure.at(self.node.place))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

/// A [`Field`](super::field::Field)'s place in two numbers, then its value; no value when it is bad, which is recorded.
struct PlaceAndValue<'a> {
    step: u8,
    inner: NodeDeserializer<'a>,
}

impl<'de> de::SeqAccess<'de> for PlaceAndValue<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let place = self.inner.node.place;
        self.step += 1;
        match self.step {
            1 => seed.deserialize(place.start.into_deserializer()).map(Some),
            2 => seed.deserialize(place.end.into_deserializer()).map(Some),
            _ => match seed.deserialize(self.inner) {
                Ok(value) => Ok(Some(value)),
                Err(failure) => {
                    self.inner.state.record(failure, place);
                    Ok(None)
                }
            },
        }
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    parent: NodeDeserializer<'a>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        self.items.next().map(|item| seed.deserialize(self.parent.child(item))).transpose()
    }
}

struct Entries<'a> {
    /// With the keys that were meant.
    rest: std::vec::IntoIter<(&'a str, &'a Entry)>,
    value: Option<&'a Node>,
    parent: NodeDeserializer<'a>,
}

impl<'a> Entries<'a> {
    fn new(entries: Vec<(&'a str, &'a Entry)>, parent: NodeDeserializer<'a>) -> Self {
        Self { rest: entries.into_iter(), value: None, parent }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((key, Entry { key_place, node, .. })) = self.rest.next() else { return Ok(None) };
        self.value = Some(node);
        let key = Node { place: *key_place, value: Value::Scalar { text: key.to_owned(), plain: false } };
        seed.deserialize(NodeDeserializer { node: &key, state: self.parent.state }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let node = self.value.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        seed.deserialize(self.parent.child(node))
    }
}

/// One variant of an enum: a word, or the one key of a mapping with what stands behind it.
struct Choice<'a> {
    name: &'a str,
    place: Place,
    /// What the variant is called in messages.
    word: &'static str,
    inner: Option<&'a Node>,
    parent: NodeDeserializer<'a>,
}

impl Choice<'_> {
    fn unknown(&self, variants: &[&str]) -> Failure {
        let message = format!("unknown {} `{}`", self.word, self.name);
        Failure::new(message, Some(known_hint(self.name, variants))).at(self.place)
    }
}

impl<'de> de::EnumAccess<'de> for Choice<'_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let variant = seed.deserialize(self.name.into_deserializer()).map_err(|failure: Failure| failure.at(self.place))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        let name = self.name;
        let hint = || Some(format!("Write the word alone: `{name}`."));
        self.inner.map_or(Ok(()), |_| Err(Failure::new(format!("`{name}` has no options"), hint()).at(self.place)))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let name = self.name;
        let hint = || Some(format!("Write `{name}: {{ ... }}`."));
        let inner = self.inner.ok_or_else(|| Failure::new(format!("`{name}` needs options"), hint()).at(self.place))?;
        seed.deserialize(self.parent.child(inner))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Failure> {
        Err(de::Error::custom("no format of ours has tuples"))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        let node = self.inner.unwrap_or(self.parent.node);
        self.parent.child(node).deserialize_struct("", fields, visitor)
    }
}
