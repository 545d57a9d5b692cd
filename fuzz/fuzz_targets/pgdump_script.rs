//! Any bytes as an SQL script: no panic, and without rules it passes through unchanged.
#![no_main]

use assay::pgdump::script::{Databases, Roles, Rules, pass};
use libfuzzer_sys::fuzz_target;
use std::io::BufReader;

fuzz_target!(|bytes: &[u8]| {
    let mut out = Vec::new();
    pass(BufReader::with_capacity(97, bytes), &mut out, &mut Rules::default()).expect("memory can be read and written");
    assert_eq!(out, bytes);
    let mut rules = Rules {
        roles: Some(Roles::default()),
        clean: Some(["public".to_owned()].into()),
        databases: Some(Databases::default()),
        commands: true,
        tablespaces: true,
        ..Rules::default()
    };
    pass(bytes, &mut std::io::sink(), &mut rules).expect("memory can be read");
});
