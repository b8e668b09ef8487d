//! The store against models of it.

mod threads;
