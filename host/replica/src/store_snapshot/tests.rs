use super::{
    StoreStream, StreamDecoder, StreamMark,
    format::{Block, BlockReader, Encoder},
    load_pairs,
};
use crate::{
    ports::{
        AppliedPoint, HostFault, KeyRange, ScanRange, SnapshotHeader, StateLoader, StateStore, StoreChanges,
        StoreView,
    },
    testing::MemoryStore,
};
use bytes::Bytes;
use quorate_proto::entry::Configuration;
use quorate_vocabulary::{MachineKind, PluginDigest};
use std::sync::Arc;

type Pairs = Vec<(Bytes, Bytes)>;

fn pairs(count: usize, value_bytes: usize) -> Pairs {
    (0..count).map(|place| (format!("key-{place:06}").into(), vec![b'v'; value_bytes].into())).collect()
}

fn written(blocks: &[Pairs]) -> Vec<u8> {
    let (mut encoder, begin) = Encoder::begin();
    let mut content = begin.to_vec();
    for block in blocks {
        let mut next = Block::with_capacity(0);
        block.iter().for_each(|(key, value)| next.add(key, value));
        content.extend_from_slice(&encoder.block(next).expect("no fault"));
    }
    content.extend_from_slice(&encoder.end());
    content
}

fn stream(view: Arc<dyn StoreView>) -> StoreStream {
    let header = SnapshotHeader {
        point: AppliedPoint::initial(Configuration::default()),
        kind: MachineKind::Store,
        plugin: PluginDigest::of(b"a plugin"),
        state_version: 1,
        tail: None,
    };
    StoreStream::new(header, view)
}

/// All of a stream, asked for in parts of this size.
fn streamed(stream: &mut StoreStream, bytes_max: usize) -> Result<Vec<u8>, HostFault> {
    let mut content = Vec::new();
    loop {
        let part = stream.read_at(content.len() as u64, bytes_max)?;
        if part.is_empty() {
            return Ok(content);
        }
        content.extend_from_slice(&part);
    }
}

/// What a decoder makes of a stream that comes in pieces of this size.
fn decoded(content: &[u8], piece_bytes: usize) -> Result<Pairs, HostFault> {
    let mut decoder = StreamDecoder::default();
    let mut pairs = Vec::new();
    for piece in content.chunks(piece_bytes) {
        decoder.push(Bytes::copy_from_slice(piece));
        while let Some(block) = decoder.next_block()? {
            pairs.extend(block);
        }
    }
    assert_eq!(decoder.received(), content.len() as u64);
    if decoder.has_ended() { Ok(pairs) } else { Err(HostFault::because("it has not ended")) }
}

/// Many small pairs, then some that are larger than a page each.
fn store() -> (MemoryStore, Pairs) {
    let store = MemoryStore::default();
    let large = (0..3).map(|place| (format!("large-{place}").into(), Bytes::from(vec![1; 1200 << 10])));
    let all: Pairs = pairs(10_000, 1).into_iter().chain(large).collect();
    let keys = all.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    let point = AppliedPoint::initial(Configuration::default());
    store.commit(StoreChanges { keys, ..StoreChanges::default() }, &point).expect("no fault");
    (store, all)
}

fn read(mut content: &[u8]) -> Result<Pairs, HostFault> {
    let mut reader = BlockReader::begin(&mut content)?;
    let mut pairs = Vec::new();
    while let Some(block) = reader.next()? {
        pairs.extend(block);
    }
    Ok(pairs)
}

#[test]
fn pairs_read_back_as_they_were_written() {
    for blocks in
        [vec![], vec![pairs(1, 0)], vec![pairs(10, 100)[..4].to_vec(), pairs(10, 100)[4..].to_vec()]]
    {
        let expected: Pairs = blocks.concat();
        assert_eq!(read(&written(&blocks)).expect("just written"), expected);
    }
}

#[test]
fn the_empty_key_and_empty_values_are_kept() {
    let block = vec![(Bytes::new(), Bytes::new()), (Bytes::from_static(b"\0"), Bytes::new())];
    assert_eq!(read(&written(std::slice::from_ref(&block))).expect("just written"), block);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let content = written(&[pairs(3, 5), pairs(6, 5)[3..].to_vec()]);
    for place in 0..content.len() {
        for bit in 0..8 {
            let mut damaged = content.clone();
            damaged[place] ^= 1 << bit;
            assert!(read(&damaged).is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_noticed() {
    let content = written(&[pairs(3, 5)]);
    for end in 0..content.len() {
        assert!(read(&content[..end]).is_err(), "{end} bytes of {}", content.len());
    }
    let longer = [&content[..], b"x"].concat();
    assert!(read(&longer).expect_err("one byte too many").to_string().contains("behind its end"));
}

#[test]
fn a_missing_block_and_keys_out_of_order_are_noticed() {
    let (first, second) = (pairs(3, 5), pairs(6, 5)[3..].to_vec());
    let whole = written(&[first.clone(), second.clone()]);
    let block = written(std::slice::from_ref(&first)).len() - written(&[]).len();
    let without_first = [&whole[..8], &whole[8 + block..]].concat();
    assert!(read(&without_first).expect_err("a block is gone").to_string().contains("missing"));
    let error = read(&written(&[second, first])).expect_err("the wrong way round");
    assert!(error.to_string().contains("ascend"), "{error}");
}

#[test]
fn another_format_is_told_from_damage() {
    let mut content = written(&[]);
    content[7] = 2;
    let error = read(&content).expect_err("from the future");
    assert!(error.to_string().contains("format 2"), "{error}");
    assert!(read(b"not at all a snapshot").expect_err("nonsense").to_string().contains("begin"));
}

#[test]
fn a_length_that_lies_is_not_believed() {
    let mut content = written(&[pairs(1, 1)]);
    content[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = read(&content).expect_err("4 GiB are not there");
    assert!(error.to_string().contains("larger"), "{error}");
}

#[test]
fn a_view_of_any_size_is_written_in_pages_and_loaded_in_chunks() {
    struct Counting(Vec<usize>, usize);
    impl StateLoader for &mut Counting {
        fn put(&mut self, pairs: Pairs) -> Result<(), HostFault> {
            self.0.push(pairs.len());
            self.1 += pairs.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
            Ok(())
        }
        fn finish(self: Box<Self>, _point: &AppliedPoint) -> Result<(), HostFault> {
            Ok(())
        }
    }
    let (store, all) = store();
    let content = streamed(&mut stream(store.view().expect("no fault")), usize::MAX).expect("no fault");
    let mut counting = Counting(Vec::new(), 0);
    load_pairs(&mut content.as_slice(), &mut &mut counting).expect("just written");
    assert_eq!(counting.0.iter().sum::<usize>(), all.len());
    assert_eq!(counting.0[..2], [4_096, 4_096]);
    assert!(counting.0.len() >= 6, "{:?}", counting.0);
    assert_eq!(read(&content).expect("just written"), all);
}

#[test]
fn a_fault_of_the_view_ends_the_writing() {
    struct Broken;
    impl StoreView for Broken {
        fn get(&self, _key: &[u8]) -> Result<Option<Bytes>, HostFault> {
            Err(HostFault::because("broken"))
        }
        fn scan(&self, range: &ScanRange) -> Result<Pairs, HostFault> {
            if range.keys == KeyRange::all() { Ok(pairs(1, 1)) } else { Err(HostFault::because("broken")) }
        }
    }
    assert!(streamed(&mut stream(Arc::new(Broken)), usize::MAX).is_err());
}

#[test]
fn a_stream_is_the_same_from_any_place_on() {
    let (store, _) = store();
    let mut stream = stream(store.view().expect("no fault"));
    let whole = streamed(&mut stream, usize::MAX).expect("no fault");
    assert_eq!(streamed(&mut stream, 100_000).expect("no fault"), whole);
    for offset in [0, 1, 7, 8, 9, 70_000, 2_000_000, 300, whole.len() - 1, 20] {
        let part = stream.read_at(offset as u64, 1_000).expect("no fault");
        assert!(!part.is_empty() && whole[offset..].starts_with(&part), "{offset}");
    }
    assert!(stream.read_at(whole.len() as u64, 1).expect("no fault").is_empty());
    assert!(stream.read_at(u64::MAX, 1).expect("no fault").is_empty());
}

#[test]
fn pieces_of_any_size_are_taken_in() {
    let content = written(&[pairs(3, 5), pairs(2_000, 1)[3..].to_vec()]);
    for piece_bytes in [1, 7, 8, 9, 100, content.len()] {
        assert_eq!(
            decoded(&content, piece_bytes).expect("just written"),
            pairs(2_000, 1)[..3]
                .iter()
                .map(|(key, _)| (key.clone(), Bytes::from(vec![b'v'; 5])))
                .chain(pairs(2_000, 1).into_iter().skip(3))
                .collect::<Pairs>()
        );
    }
}

#[test]
fn pieces_that_are_damaged_are_noticed() {
    let content = written(&[pairs(3, 5), pairs(6, 5)[3..].to_vec()]);
    for place in 0..content.len() {
        let mut damaged = content.clone();
        damaged[place] ^= 1;
        assert!(decoded(&damaged, 11).is_err(), "byte {place}");
        assert!(decoded(&content[..place], 11).is_err(), "{place} bytes");
    }
    let longer = [&content[..], b"x"].concat();
    assert!(decoded(&longer, 1_000).expect_err("one byte too many").to_string().contains("behind its end"));
}

#[test]
fn what_was_read_up_to_a_mark_is_not_read_again() {
    let blocks = [pairs(3, 5), pairs(6, 5)[3..].to_vec(), pairs(9, 5)[6..].to_vec()];
    let content = Bytes::from(written(&blocks));
    let mut first = StreamDecoder::default();
    first.push(content.slice(..content.len() / 2));
    let mut read: Pairs = Vec::new();
    while let Some(block) = first.next_block().expect("just written") {
        read.extend(block);
    }
    let mark: StreamMark = first.mark().clone();
    assert!(mark.pairs > 0 && mark.offset < first.received());
    let offset = usize::try_from(mark.offset).expect("short");
    let mut second = StreamDecoder::new(mark.clone());
    second.push(content.slice(offset..));
    while let Some(block) = second.next_block().expect("just written") {
        read.extend(block);
    }
    assert!(second.has_ended());
    assert_eq!(read, blocks.concat());
    // Another mark than that of the place.
    let mut wrong = StreamDecoder::new(StreamMark { pairs: mark.pairs + 1, ..mark });
    wrong.push(content.slice(offset..));
    assert!(std::iter::repeat_with(|| wrong.next_block()).take(9).any(|read| read.is_err()));
}
