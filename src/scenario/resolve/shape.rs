//! The checks that look into a restored `PostgreSQL`: `integrity` and `schema`.

use super::collect::Collector;
use crate::check::integrity::{Amcheck, Aspect, Filter, IntegrityCheck};
use crate::check::schema::SchemaCheck;
use crate::scenario::CheckKind;
use crate::scenario::field::{Field, Spanned};
use crate::scenario::source::Place;
use crate::scenario::spec::{AmcheckSpec, IntegritySection, OnChangeSpec, SchemaSection};
use globset::{Glob, GlobMatcher};
use std::path::Path;

/// One check for each aspect, so that each is timed and reported by itself.
pub fn integrity(section: IntegritySection, collect: &mut Collector) -> Vec<CheckKind> {
    let amcheck = match section.amcheck.value() {
        None | Some(AmcheckSpec::Auto) => Amcheck::Auto,
        Some(AmcheckSpec::Full) => Amcheck::Full,
        Some(AmcheckSpec::Off) => Amcheck::Off,
    };
    let foreign_keys = section.foreign_keys.value().unwrap_or(true);
    let filter = Filter { only: globs(section.only, collect), skip: globs(section.skip, collect) };
    let timeout = collect.duration(section.timeout, "timeout");
    let wanted = Aspect::ALL.into_iter().filter(|aspect| match aspect {
        Aspect::Amcheck => amcheck != Amcheck::Off,
        Aspect::ForeignKeys => foreign_keys,
        _ => true,
    });
    wanted.map(|aspect| CheckKind::Integrity(IntegrityCheck { aspect, amcheck, filter: filter.clone(), timeout })).collect()
}

fn globs(field: Field<Vec<Field<String>>>, collect: &mut Collector) -> Vec<GlobMatcher> {
    let texts = field.value().unwrap_or_default().into_iter().filter_map(Field::given);
    texts.filter_map(|text| glob(&text, collect)).collect()
}

fn glob(text: &Spanned<String>, collect: &mut Collector) -> Option<GlobMatcher> {
    match Glob::new(&text.value) {
        Ok(glob) if !text.value.trim().is_empty() => Some(glob.compile_matcher()),
        Ok(_) => {
            collect.wrong(text.place, "the glob is empty", "Write a name such as shop.items, or a glob such as `shop.*`.");
            None
        }
        Err(error) => {
            let hint =
                "`*` stands for any characters, `?` for one, `{a,b}` for either. Put a backslash before what is meant as it is.";
            collect.wrong(text.place, format!("this is no glob: {}", error.kind()), hint);
            None
        }
    }
}

/// `folder` is where the scenario's file lies.
pub fn schema(section: SchemaSection, place: Place, folder: &Path, collect: &mut Collector) -> Option<SchemaCheck> {
    collect.require(section.reference.as_ref(), place, "`schema`", "reference");
    let named = collect.text(section.reference, "reference");
    let warn_only = matches!(section.on_change.value(), Some(OnChangeSpec::Warn));
    let named = named?.value;
    Some(SchemaCheck { reference: folder.join(&named), named, warn_only })
}
