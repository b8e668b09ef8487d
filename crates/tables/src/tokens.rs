//! Tokens of transactions that are idempotent for some minutes.

use crate::command::Token;
use crate::memory;
use crate::scope::Scope;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How long a token is remembered, in milliseconds: ten minutes.
pub const REMEMBERED_MS: u64 = 10 * 60 * 1000;

/// A token that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub(crate) token: Token,
    /// Epoch milliseconds.
    pub(crate) at_ms: u64,
}

/// Tokens, the oldest first. Those that are too old go when another comes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    by_age: VecDeque<Arc<Remembered>>,
    by_name: HashMap<(Scope, Arc<str>), Arc<Remembered>>,
    memory: u64,
}

impl Tokens {
    /// The digest of what was asked with a token that is remembered.
    pub(crate) fn find(&self, scope: &Scope, token: &str, now_ms: u64) -> Option<&[u8]> {
        let remembered = self.by_name.get(&(scope.clone(), Arc::from(token)))?;
        is_remembered(remembered, now_ms).then_some(&*remembered.token.request)
    }

    pub(crate) fn remember(&mut self, remembered: &Arc<Remembered>) {
        while let Some(oldest) = self.by_age.front() {
            if is_remembered(oldest, remembered.at_ms) {
                break;
            }
            let oldest = self.by_age.pop_front().expect("it was just seen");
            self.memory -= memory_of(&oldest);
            let name = name_of(&oldest);
            if self.by_name.get(&name).is_some_and(|newest| Arc::ptr_eq(newest, &oldest)) {
                self.by_name.remove(&name);
            }
        }
        self.memory += memory_of(remembered);
        self.by_age.push_back(remembered.clone());
        self.by_name.insert(name_of(remembered), remembered.clone());
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Remembered>> {
        self.by_age.iter()
    }

    /// By estimate, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }
}

/// What a token takes of memory, by estimate, in bytes.
pub(crate) fn memory_of_token(token: &Token) -> u64 {
    (memory::TOKEN + 2 * (token.token.len() + token.account.len() + token.region.len())) as u64
}

fn memory_of(remembered: &Remembered) -> u64 {
    memory_of_token(&remembered.token)
}

fn name_of(remembered: &Remembered) -> (Scope, Arc<str>) {
    (remembered.token.scope(), Arc::from(&*remembered.token.token))
}

fn is_remembered(remembered: &Remembered, now_ms: u64) -> bool {
    remembered.at_ms.saturating_add(REMEMBERED_MS) > now_ms
}
