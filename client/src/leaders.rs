use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// More groups than this are not remembered at once.
const GROUPS_MAX: usize = 10_000;

/// Where the leaders of groups were last seen.
#[derive(Debug, Default)]
pub(crate) struct Leaders {
    addresses: Mutex<HashMap<String, String>>,
}

impl Leaders {
    fn addresses(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of(&self, group: &str) -> Option<String> {
        self.addresses().get(group).cloned()
    }

    pub(crate) fn remember(&self, group: &str, address: &str) {
        let mut addresses = self.addresses();
        if addresses.get(group).is_some_and(|known| known == address) {
            return;
        }
        if addresses.len() >= GROUPS_MAX && !addresses.contains_key(group) {
            // Forgetting costs one redirection each.
            addresses.clear();
        }
        addresses.insert(group.to_owned(), address.to_owned());
    }

    /// It is not, or no longer, at this address.
    pub(crate) fn forget(&self, group: &str, address: &str) {
        let mut addresses = self.addresses();
        if addresses.get(group).is_some_and(|known| known == address) {
            addresses.remove(group);
        }
    }

    /// It leads elsewhere now.
    pub(crate) fn forget_group(&self, group: &str) {
        self.addresses().remove(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_forgotten_only_where_it_was_thought_to_be() {
        let leaders = Leaders::default();
        leaders.remember("a/b", "one:1");
        leaders.remember("a/b", "two:1");
        leaders.forget("a/b", "one:1");
        assert_eq!(leaders.of("a/b"), Some("two:1".to_owned()));
        leaders.forget("a/b", "two:1");
        assert_eq!(leaders.of("a/b"), None);
    }

    #[test]
    fn a_bounded_number_is_remembered_and_the_newest_among_them() {
        let leaders = Leaders::default();
        for group in 0..2 * GROUPS_MAX {
            leaders.remember(&group.to_string(), "one:1");
        }
        assert!(leaders.addresses().len() <= GROUPS_MAX);
        assert_eq!(leaders.of(&(2 * GROUPS_MAX - 1).to_string()), Some("one:1".to_owned()));
    }
}
