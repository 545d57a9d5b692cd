//! What integration tests share.

pub mod apis;
pub mod double;
pub mod exports;
pub mod faulty_s3;
