//! Compressed input: gzip and Zstandard, one after another as often as they come.
//!
//! Memory is bounded by the window of the format, whatever the input says: 32 KiB for gzip,
//! [`ZSTD_WINDOW_MAX`] for Zstandard. Checksums are checked.

use std::io::{self, BufRead, BufReader, Read};

use clap::ValueEnum;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What `zstd` itself reads without being asked to.
const ZSTD_WINDOW_MAX: u64 = 128 << 20;

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Of a frame to be skipped, with which some tools begin; the low half of the first byte is free.
const ZSTD_SKIPPABLE_MAGIC: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];

/// How the input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Decompress {
    /// As its first bytes say; with --whole not at all
    Auto,
    Gzip,
    Zstd,
    None,
}

/// The bytes that a reader's are the compressed form of.
pub(super) fn decompressed(
    mut reader: impl Read + Send + 'static,
    how: Decompress,
) -> io::Result<Box<dyn BufRead + Send>> {
    let mut first = Vec::new();
    let how = match how {
        Decompress::Auto => told_by_first_bytes(&mut reader, &mut first)?,
        other => other,
    };
    let source = BufReader::new(io::Cursor::new(first).chain(reader));
    Ok(match how {
        Decompress::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(source))),
        Decompress::Zstd => Box::new(BufReader::new(ZstdFrames::new(source))),
        Decompress::Auto | Decompress::None => Box::new(source),
    })
}

/// Reads as little as it can be told by, since a slow input of lines must not wait for more.
fn told_by_first_bytes(reader: &mut impl Read, first: &mut Vec<u8>) -> io::Result<Decompress> {
    loop {
        if let Some(how) = told_by(first) {
            return Ok(how);
        }
        if reader.take(1).read_to_end(first)? == 0 {
            return Ok(Decompress::None);
        }
    }
}

/// What an input that begins like this is; `None`: that cannot be told yet.
fn told_by(first: &[u8]) -> Option<Decompress> {
    let magics = [
        (&GZIP_MAGIC[..], Decompress::Gzip),
        (&ZSTD_MAGIC[..], Decompress::Zstd),
        (&ZSTD_SKIPPABLE_MAGIC[..], Decompress::Zstd),
    ];
    let mut may_be = false;
    for (magic, how) in magics {
        let is_free = |at: usize| magic == ZSTD_SKIPPABLE_MAGIC && at == 0;
        let fits = magic.iter().zip(first).enumerate().all(|(at, (expected, found))| {
            expected == found || is_free(at) && expected & 0xf0 == found & 0xf0
        });
        if fits && first.len() >= magic.len() {
            return Some(how);
        }
        may_be |= fits;
    }
    (!may_be).then_some(Decompress::None)
}

/// The content of Zstandard frames.
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW_MAX);
        Self { source, decoder, is_in_frame: false }
    }

    /// Reads the head of the next frame. `false`: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.is_in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn end(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        let written = self.decoder.get_checksum_from_data();
        if written.is_some() && written != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("the checksum of a Zstandard frame is wrong"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_in_frame && !self.begin()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(into);
            }
            if self.decoder.is_finished() {
                self.end()?;
                continue;
            }
            let some = BlockDecodingStrategy::UptoBlocks(1);
            self.decoder.decode_blocks(&mut self.source, some).map_err(io::Error::other)?;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn skippable(bytes: usize) -> Vec<u8> {
        let mut frame = vec![0x5a, 0x2a, 0x4d, 0x18];
        frame.extend_from_slice(&(bytes as u32).to_le_bytes());
        frame.resize(frame.len() + bytes, b'x');
        frame
    }

    fn read(input: Vec<u8>, how: Decompress) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        decompressed(io::Cursor::new(input), how)?.read_to_end(&mut found)?;
        Ok(found)
    }

    #[test]
    fn reads_what_the_first_bytes_say_however_often_it_comes() {
        let text: Vec<u8> = (0..400_000u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
        let (head, tail) = text.split_at(text.len() / 3);
        for input in [
            text.clone(),
            gzip(&text),
            [gzip(head), gzip(b""), gzip(tail)].concat(),
            zstd(&text),
            [skippable(70_000), zstd(head), zstd(b""), skippable(0), zstd(tail)].concat(),
        ] {
            assert!(read(input, Decompress::Auto).unwrap() == text);
        }
        for short in [&b""[..], b"(", b"(\xb5/", b"\x1f\x8b", b"P*M", b"P*My", b"(line\n"] {
            assert_eq!(read(short.to_vec(), Decompress::Auto).unwrap(), short);
        }
    }

    #[test]
    fn what_is_said_counts_more_than_the_first_bytes() {
        assert_eq!(read(gzip(b"x"), Decompress::None).unwrap(), gzip(b"x"));
        assert_eq!(read(gzip(b"x"), Decompress::Gzip).unwrap(), b"x");
        assert!(read(gzip(b"x"), Decompress::Zstd).is_err());
        assert!(read(b"lines".to_vec(), Decompress::Gzip).is_err());
    }

    #[test]
    fn what_is_cut_or_damaged_is_an_error() {
        let text = b"some text that is long enough to be worth it, worth it, worth it";
        for whole in [gzip(text), zstd(text), [zstd(text), skippable(9)].concat()] {
            let cut = whole[..whole.len() - 1].to_vec();
            assert!(read(cut, Decompress::Auto).is_err());
        }
        for whole in [gzip(text), zstd(text)] {
            // In the checksum: of zstd it is at the end, of gzip before four bytes of length.
            let at = if whole[0] == 0x1f { whole.len() - 6 } else { whole.len() - 2 };
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(read(damaged, Decompress::Auto).is_err());
        }
        // A frame that wants a window of 256 MiB.
        let greedy = [&ZSTD_MAGIC[..], &[0, (28 - 10) << 3], &[1, 0, 0]].concat();
        assert!(read(greedy, Decompress::Auto).is_err());
    }
}
