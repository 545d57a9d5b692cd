//! What integration tests share.

pub mod apis;
pub mod double;
pub mod exports;
#[cfg(feature = "demo")]
pub mod faulty_s3;
