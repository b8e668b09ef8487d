//! Customer keys that a test moves.

use crate::world::ALICE;
use anabranch_engine::{DataKeyBytes, KeyProblem, Keyring, Scope};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What the ARNs of keys begin with.
pub(crate) const KEY_ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/";

/// Keys `a` and `b`; wrapping is an exclusive or, for the tests are not about it.
#[derive(Debug)]
pub(crate) struct TestKeys {
    pub(crate) mask: AtomicU8,
    pub(crate) unwraps: AtomicU64,
    problem: Mutex<Option<KeyProblem>>,
    generation: AtomicU64,
}

impl Default for TestKeys {
    fn default() -> Self {
        Self {
            mask: AtomicU8::new(0x5a),
            unwraps: AtomicU64::new(0),
            problem: Mutex::new(None),
            generation: AtomicU64::new(0),
        }
    }
}

impl TestKeys {
    /// From now on keys have this problem, or none.
    pub(crate) fn set(&self, problem: Option<KeyProblem>) {
        *self.problem.lock().expect("not poisoned") = problem;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Keyring for TestKeys {
    fn resolve(&self, _: &Scope, name: &str) -> Result<Arc<str>, KeyProblem> {
        let id = name.rsplit('/').next().unwrap_or_default();
        match id {
            "a" | "b" => Ok(Arc::from(format!("{KEY_ARN}{id}"))),
            _ => Err(KeyProblem::NotFound),
        }
    }

    fn permit(&self, _: &str, principal: &str) -> Result<(), KeyProblem> {
        match *self.problem.lock().expect("not poisoned") {
            Some(problem) => Err(problem),
            None if principal == ALICE => Ok(()),
            None => Err(KeyProblem::AccessDenied),
        }
    }

    fn wrap(&self, arn: &str, context: &[u8], key: &DataKeyBytes) -> Result<Vec<u8>, KeyProblem> {
        let mask = self.mask.load(Ordering::SeqCst);
        let sealed = key.iter().map(|byte| byte ^ mask).collect::<Vec<u8>>();
        Ok([&sealed, arn.as_bytes(), context].concat())
    }

    fn unwrap(
        &self,
        arn: &str,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<DataKeyBytes, KeyProblem> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        let (sealed, bound) = wrapped.split_at(32);
        assert_eq!(bound, [arn.as_bytes(), context].concat(), "bound to key and stream");
        let mask = self.mask.load(Ordering::SeqCst);
        let plain: Vec<u8> = sealed.iter().map(|byte| byte ^ mask).collect();
        Ok(DataKeyBytes::new(plain.try_into().expect("32 bytes")))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}
