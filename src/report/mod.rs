//! Reports: each is made from the evidence, by a pure rendering; writing them is one small function.

pub mod console;
pub mod evidence;
pub mod junit;
pub mod write;

pub(crate) mod text;

#[cfg(test)]
pub(crate) mod sample;
