//! Files as streams of verified bytes.

use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pelago_dag::{Cid, parse_address};

use crate::inner::Inner;
use crate::read::blocks::{Cursor, Part};
use crate::read::tier_counter::TierCounter;
use crate::store::ByteStream;
use crate::{Store, StoreError};

/// Blocks that a stream has in the air: one being sent, one being read.
const AHEAD: usize = 2;
/// Parts that are looked up at a time,
const PARTS: usize = 16;
/// and bytes of content in nodes among them.
const READY: usize = 1 << 20;

impl Store {
    /// Reads bytes of a file at `<cid>/path`. Each piece was hashed against its block's CID before
    /// it is given out; the stream ends at the first that does not match. Of a root that is being
    /// fetched, what this process has put can be read already.
    ///
    /// # Errors
    ///
    /// `Address`, `IsFolder`, `Symlink`, `Range`, and as `stat`; the stream gives `Corrupt`,
    /// `MissingBlock`, `Node` or `Io`.
    pub async fn read(&self, path: &str, range: Range<u64>) -> Result<ByteStream, StoreError> {
        self.read_counted(path, range, TierCounter::default()).await
    }

    /// The same, and counts where the bytes came from.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn read_counted(
        &self,
        path: &str,
        range: Range<u64>,
        counter: TierCounter,
    ) -> Result<ByteStream, StoreError> {
        let text = path.to_owned();
        let (root, cursor, parts) = self
            .blocking(move |inner| {
                let (root, path) = parse_address(&text)?;
                let entry = inner.stat(root, &path)?;
                inner.check_file(&entry, &text)?;
                if range.start > range.end || range.end > entry.size {
                    let Range { start, end } = range;
                    return Err(StoreError::Range { path: text, start, end, size: entry.size });
                }
                let mut cursor = Cursor::new(entry.cid, entry.size, range);
                let mut parts = next_parts(&mut cursor, inner);
                if parts.first().is_some_and(Result::is_err) {
                    parts.remove(0)?;
                }
                Ok((root, cursor, parts))
            })
            .await?;
        self.used(root);
        let stream = self.parts(cursor, parts).map({
            let store = self.clone();
            move |part| {
                let (store, counter) = (store.clone(), counter.clone());
                async move {
                    let part = part?;
                    let (bytes, tier) = store.blocking(move |inner| inner.part(part)).await?;
                    counter.count(tier, bytes.len() as u64);
                    store.inner().cache.tiers.count(tier, bytes.len() as u64);
                    Ok(bytes)
                }
            }
        });
        // After an error nothing follows: a reader that skips it would glue wrong bytes together.
        let ended = |failed: &mut bool, piece: Result<Bytes, StoreError>| {
            let was = std::mem::replace(failed, piece.is_err());
            futures::future::ready((!was).then_some(piece))
        };
        Ok(stream.buffered(AHEAD).scan(false, ended).boxed())
    }

    /// The parts of a file, looked up as they are wanted; after an error there is none.
    fn parts(&self, cursor: Cursor, first: Vec<Looked>) -> BoxStream<'static, Looked> {
        let store = self.clone();
        let batches = stream::unfold(Some((cursor, Some(first))), move |state| {
            let store = store.clone();
            async move {
                let (mut cursor, first) = state?;
                let looked = match first {
                    Some(parts) => Ok((parts, cursor)),
                    None => store.blocking(move |inner| Ok((next_parts(&mut cursor, inner), cursor))).await,
                };
                match looked {
                    Ok((parts, cursor)) => {
                        let more = parts.last().is_some_and(Result::is_ok);
                        Some((parts, more.then_some((cursor, None))))
                    }
                    Err(error) => Some((vec![Err(error)], None)),
                }
            }
        });
        batches.flat_map(stream::iter).boxed()
    }

    /// Notes that a root was used.
    pub(crate) fn used(&self, root: Cid) {
        let inner = self.inner();
        if inner.index.is_current() && inner.disk.owner().is_ok() && inner.cache.used.note(root) {
            self.in_background(|inner| inner.index.write(|tx| inner.cache.used.write(tx)));
        }
    }
}

type Looked = Result<Part, StoreError>;

/// The next parts; none at the end of the file, and an error only as the last.
fn next_parts(cursor: &mut Cursor, inner: &Inner) -> Vec<Looked> {
    let (mut parts, mut ready) = (Vec::new(), 0);
    while parts.len() < PARTS && ready < READY {
        let Some(part) = cursor.next(inner).transpose() else { break };
        if let Ok(Part::Ready(bytes, _)) = &part {
            ready += bytes.len();
        }
        let failed = part.is_err();
        parts.push(part);
        if failed {
            break;
        }
    }
    parts
}
