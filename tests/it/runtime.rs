//! Instances come up, and go away whatever happens.
