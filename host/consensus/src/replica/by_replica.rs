use quorate_vocabulary::ReplicaId;

/// Something about each of a handful of replicas, in their order.
///
/// A tree makes room for eleven with the first, and a node has thousands of idle groups of three.
#[derive(Clone, Debug)]
pub(super) struct ByReplica<T>(Vec<(ReplicaId, T)>);

impl<T> Default for ByReplica<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByReplica<T> {
    fn place(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&replica, |(known, _)| *known)
    }

    pub(super) fn get(&self, replica: ReplicaId) -> Option<&T> {
        self.place(replica).ok().and_then(|place| self.0.get(place)).map(|(_, value)| value)
    }

    pub(super) fn contains(&self, replica: ReplicaId) -> bool {
        self.place(replica).is_ok()
    }

    pub(super) fn insert(&mut self, replica: ReplicaId, value: T) {
        match self.place(replica) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (replica, value));
            }
        }
    }

    pub(super) fn remove(&mut self, replica: ReplicaId) {
        if let Ok(place) = self.place(replica) {
            self.0.remove(place);
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(ReplicaId) -> bool) {
        self.0.retain(|(replica, _)| keep(*replica));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_has_one_value_and_there_is_room_for_no_more() {
        let mut values = ByReplica::default();
        for (replica, value) in [(7, 'a'), (3, 'b'), (5, 'c'), (3, 'd')] {
            values.insert(ReplicaId(replica), value);
        }
        let of =
            |values: &ByReplica<char>| [1, 3, 5, 7].map(|replica| values.get(ReplicaId(replica)).copied());
        assert_eq!(of(&values), [None, Some('d'), Some('c'), Some('a')]);
        assert_eq!(values.0.capacity(), 3);
        values.remove(ReplicaId(5));
        values.retain(|replica| replica.0 != 7);
        assert_eq!(of(&values), [None, Some('d'), None, None]);
        assert!(values.contains(ReplicaId(3)) && !values.contains(ReplicaId(5)));
        values.clear();
        assert!(!values.contains(ReplicaId(3)));
    }
}
