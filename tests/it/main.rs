//! The integration tests, as one program: they link once.

#[cfg(feature = "demo")]
mod store_faults;
#[cfg(feature = "demo")]
mod support;
