//! What integration tests share.

pub mod faulty_s3;
