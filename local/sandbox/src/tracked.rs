//! A map that knows which of its entries have changed since it was saved.
//!
//! The state of a large cloud is mostly such maps, and one call changes one or two entries: saving those alone keeps the
//! cost of a call independent of how much there is. Everything else about the map is a plain [`BTreeMap`]; what reaches
//! into it in a way that cannot be followed marks all of it as changed, which costs time and never data.
//!
//! A tracked map may hold others: an entry that changed is then written with what changed in it. Such an entry must not
//! be taken out and put elsewhere, for its changes would be written where the rest of it is not known; a clone may.

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::collections::btree_map::{self, BTreeMap, Entry};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name under which a map's changes stand in the log, so that nothing else can be taken for them.
pub(crate) const CHANGED: &str = "$changed";
/// The name under which the names of its removed entries stand.
pub(crate) const REMOVED: &str = "$removed";

thread_local! {
    static CHANGES_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// Serialises with every tracked map reduced to what has changed since this was last done.
pub(crate) fn changes_only<T>(serialise: impl FnOnce() -> T) -> T {
    CHANGES_ONLY.set(true);
    let outcome = serialise();
    CHANGES_ONLY.set(false);
    outcome
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Tracked<K, V> {
    map: BTreeMap<K, V>,
    changes: Mutex<Changes<K>>,
}

#[derive(Debug)]
enum Changes<K> {
    Everything,
    Some(BTreeSet<K>),
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Nothing of a copy has been saved.
impl<K: Ord + Clone, V: Clone> Clone for Tracked<K, V> {
    fn clone(&self) -> Self {
        Self { map: self.map.clone(), ..Self::new() }
    }
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    /// As [`BTreeMap::insert`].
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.mark(key.clone());
        self.map.insert(key, value)
    }

    /// As [`BTreeMap::remove`].
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (key, value) = self.map.remove_entry(key)?;
        self.mark(key);
        Some(value)
    }

    /// As [`BTreeMap::get_mut`].
    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let key = self.map.get_key_value(key)?.0.clone();
        self.mark(key.clone());
        self.map.get_mut(key.borrow())
    }

    /// As [`BTreeMap::entry`].
    pub(crate) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.mark(key.clone());
        self.map.entry(key)
    }

    /// As [`BTreeMap::values_mut`], for those that a look finds in need of a change.
    pub(crate) fn values_mut_where(&mut self, needs: impl Fn(&V) -> bool) -> impl Iterator<Item = &mut V> {
        let changing: Vec<K> =
            self.map.iter().filter(|(_, value)| needs(value)).map(|(key, _)| key.clone()).collect();
        let any = !changing.is_empty();
        changing.into_iter().for_each(|key| self.mark(key));
        self.map.values_mut().filter(move |value| any && needs(value))
    }

    fn mark(&mut self, key: K) {
        let changes = self.changes.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Changes::Some(keys) = changes {
            keys.insert(key);
        }
    }
}

impl<K, V> Tracked<K, V> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self { map: BTreeMap::new(), changes: Mutex::new(Changes::Everything) }
    }

    fn changes(&self) -> MutexGuard<'_, Changes<K>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.map
    }
}

impl<K, V> DerefMut for Tracked<K, V> {
    fn deref_mut(&mut self) -> &mut BTreeMap<K, V> {
        *self.changes.get_mut().unwrap_or_else(PoisonError::into_inner) = Changes::Everything;
        &mut self.map
    }
}

impl<'a, K, V> IntoIterator for &'a Tracked<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Tracked<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        Self { map: entries.into_iter().collect(), ..Self::default() }
    }
}

/// Whatever is written counts as saved from then on: a state that could not be saved is never used again.
impl<K: Ord + Serialize, V: Serialize> Serialize for Tracked<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let changes = std::mem::replace(&mut *self.changes(), Changes::Some(BTreeSet::new()));
        let (true, Changes::Some(keys)) = (CHANGES_ONLY.get(), changes) else {
            return self.map.serialize(serializer);
        };
        let (there, gone): (Vec<K>, Vec<K>) = keys.into_iter().partition(|key| self.map.contains_key(key));
        let there: BTreeMap<&K, &V> = there.iter().filter_map(|key| self.map.get_key_value(key)).collect();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(CHANGED, &there)?;
        map.serialize_entry(REMOVED, &gone)?;
        map.end()
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Tracked<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::deserialize(deserializer)?;
        Ok(Self { map, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn three() -> Tracked<String, u32> {
        [("a", 1), ("b", 2), ("c", 3)].map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
    }

    fn changes(map: &Tracked<String, u32>) -> Value {
        changes_only(|| serde_json::to_value(map)).unwrap()
    }

    #[test]
    fn only_what_changed_is_written_and_only_once() {
        let mut map = three();
        assert_eq!(changes(&map), json!({ "a": 1, "b": 2, "c": 3 }), "all of it the first time");
        map.insert("d".into(), 4);
        *map.get_mut("a").unwrap() = 10;
        map.remove("b");
        *map.entry("c".into()).or_default() += 1;
        assert!(map.get_mut("x").is_none() && map.remove("x").is_none());
        assert_eq!(changes(&map), json!({ CHANGED: { "a": 10, "c": 4, "d": 4 }, REMOVED: ["b"] }));
        assert_eq!(changes(&map), json!({ CHANGED: {}, REMOVED: [] }));
        map.values_mut_where(|value| *value == 4).for_each(|value| *value = 5);
        assert_eq!(changes(&map), json!({ CHANGED: { "c": 5, "d": 5 }, REMOVED: [] }));
    }

    #[test]
    fn what_cannot_be_followed_counts_as_all_of_it() {
        let mut map = three();
        changes(&map);
        map.values_mut().for_each(|value| *value += 1);
        assert_eq!(changes(&map), json!({ "a": 2, "b": 3, "c": 4 }));
        map.retain(|key, _| key == "a");
        assert_eq!(changes(&map), json!({ "a": 2 }));
        let whole = serde_json::to_value(&map).unwrap();
        assert_eq!(whole, json!({ "a": 2 }));
        let read: Tracked<String, u32> = serde_json::from_value(whole).unwrap();
        assert_eq!(changes(&read), json!({ "a": 2 }), "what was read was not saved here");
    }
}
