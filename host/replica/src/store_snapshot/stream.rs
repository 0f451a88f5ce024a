use super::format::{Block, Encoder};
use crate::{
    overlay::successor,
    ports::{HostFault, KeyRange, ScanRange, SnapshotHeader, StoreView},
};
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// The most pairs read from the view at once.
const PAGE_PAIRS_MAX: usize = 4_096;
/// The most bytes read from the view at once, but for a single larger pair.
const PAGE_BYTES_MAX: u64 = 1 << 20;
/// So far apart are the places from which the stream can be read again, each of which costs memory for a key.
const MARKS_BYTES_APART: u64 = 16 << 20;

/// The state of a store machine as a stream of bytes that are made when they are read, from any place on. At one index they are
/// the same on every replica.
pub struct StoreStream {
    header: SnapshotHeader,
    view: Arc<dyn StoreView>,
    /// Where the piece behind the current one begins.
    next: Mark,
    /// Places before that.
    marks: Vec<Mark>,
    piece: Bytes,
}

/// A place between two pieces, and what comes there.
#[derive(Clone, Debug)]
struct Mark {
    offset: u64,
    encoder: Encoder,
    follows: Follows,
}

#[derive(Clone, Debug)]
enum Follows {
    Beginning,
    PairsFrom(Bytes),
    Nothing,
}

impl StoreStream {
    /// The state that this view shows.
    #[must_use]
    pub fn new(header: SnapshotHeader, view: Arc<dyn StoreView>) -> Self {
        let next = Mark { offset: 0, encoder: Encoder::default(), follows: Follows::Beginning };
        Self { header, view, marks: vec![next.clone()], next, piece: Bytes::new() }
    }

    /// What state it is.
    #[must_use]
    pub fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// Up to `bytes_max` bytes from `offset` on; none at the end and behind it.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn read_at(&mut self, offset: u64, bytes_max: usize) -> Result<Bytes, HostFault> {
        if offset < self.piece_begins() {
            let from = self.marks.partition_point(|mark| mark.offset <= offset).saturating_sub(1);
            let Some(mark) = self.marks.get(from) else { return Ok(Bytes::new()) };
            self.next = mark.clone();
            self.piece = Bytes::new();
        }
        while offset >= self.next.offset {
            if !self.advance()? {
                return Ok(Bytes::new());
            }
        }
        let Ok(from) = usize::try_from(offset - self.piece_begins()) else { return Ok(Bytes::new()) };
        Ok(self.piece.slice(from..self.piece.len().min(from.saturating_add(bytes_max))))
    }

    fn piece_begins(&self) -> u64 {
        self.next.offset.saturating_sub(u64::try_from(self.piece.len()).unwrap_or(0))
    }

    /// Makes the next piece; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, HostFault> {
        let Mark { offset, mut encoder, follows } = self.next.clone();
        if self.marks.last().is_none_or(|last| offset >= last.offset.saturating_add(MARKS_BYTES_APART)) {
            self.marks.push(self.next.clone());
        }
        let (piece, follows) = match follows {
            Follows::Beginning => {
                let (begun, magic) = Encoder::begin();
                encoder = begun;
                (magic, Follows::PairsFrom(Bytes::new()))
            }
            Follows::PairsFrom(start) => {
                let range = ScanRange {
                    keys: KeyRange { start, end: None },
                    limit: PAGE_PAIRS_MAX,
                    bytes_max: PAGE_BYTES_MAX,
                    reverse: false,
                };
                let (mut block, mut last) = (Block::with_capacity(self.piece.len()), None::<Vec<u8>>);
                self.view.visit_once(&range, &mut |key, value| {
                    block.add(key, value);
                    let last = last.get_or_insert_default();
                    last.clear();
                    last.extend_from_slice(key);
                })?;
                match last {
                    Some(last) => (encoder.block(block)?, Follows::PairsFrom(successor(&last.into()))),
                    None => (encoder.end(), Follows::Nothing),
                }
            }
            Follows::Nothing => return Ok(false),
        };
        let offset = offset.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        self.next = Mark { offset, encoder, follows };
        self.piece = piece;
        Ok(true)
    }

    /// The piece that was made last.
    pub(super) fn piece(&self) -> &Bytes {
        &self.piece
    }
}

impl fmt::Debug for StoreStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoreStream").field("next", &self.next).finish_non_exhaustive()
    }
}
