//! Sets of one type: never empty, without duplicates, in no order but that of their members.

use std::slice;

/// A set that has at least one member. Members are kept sorted, so that equal sets are equal slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T>(Box<[T]>);

/// Why members make no set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetError<T> {
    /// There are none.
    Empty,
    /// One is there twice. Here are all, as they were given.
    Duplicates(Vec<T>),
}

impl<T: Ord> Set<T> {
    /// The set of these members.
    pub fn new(members: Vec<T>) -> Result<Set<T>, SetError<T>> {
        if members.is_empty() {
            return Err(SetError::Empty);
        }
        let has_duplicates = {
            let mut sorted: Vec<&T> = members.iter().collect();
            sorted.sort_unstable();
            sorted.windows(2).any(|pair| pair[0] == pair[1])
        };
        if has_duplicates {
            return Err(SetError::Duplicates(members));
        }
        let mut members = members;
        members.sort_unstable();
        Ok(Set(members.into_boxed_slice()))
    }

    /// Whether `member` is in it.
    pub fn contains(&self, member: &T) -> bool {
        self.0.binary_search(member).is_ok()
    }

    /// All members of both.
    #[must_use]
    pub fn union(&self, other: &Set<T>) -> Set<T>
    where
        T: Clone,
    {
        let mut members: Vec<T> = self.0.to_vec();
        members.extend(other.iter().filter(|member| !self.contains(member)).cloned());
        members.sort_unstable();
        Set(members.into_boxed_slice())
    }

    /// The members that are not in `other`, if there are any.
    pub fn without(&self, other: &Set<T>) -> Option<Set<T>>
    where
        T: Clone,
    {
        let rest: Vec<T> = self.iter().filter(|member| !other.contains(member)).cloned().collect();
        (!rest.is_empty()).then(|| Set(rest.into_boxed_slice()))
    }
}

impl<T> Set<T> {
    /// The members, sorted.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.0.iter()
    }

    /// How many members there are, one at least.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a, T> IntoIterator for &'a Set<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}
