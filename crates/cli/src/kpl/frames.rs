//! Messages as the pipes carry them: four bytes of length, the first the highest, and the message.

use bytes::BytesMut;
use prost::Message as _;
use thiserror::Error;
use tokio::io::{self, AsyncRead, AsyncReadExt};

use super::messages::Message;

/// Bytes of a message that is read: the largest record and what is around it.
const BYTES_MAX: u32 = 11 << 20;

/// Why there is no further message.
#[derive(Debug, Error)]
pub(super) enum FrameError {
    #[error("a message is too large bytes={bytes} max={BYTES_MAX}")]
    TooLarge { bytes: u32 },
    #[error("what was read is not a message")]
    NotMessage(#[from] prost::DecodeError),
    #[error("the pipe cannot be read")]
    Pipe(#[from] io::Error),
}

/// The next message; `None`: no other comes. Half a message at the end was never sent.
pub(super) async fn read(
    pipe: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Message>, FrameError> {
    let bytes = match pipe.read_u32().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        bytes => bytes?,
    };
    if bytes > BYTES_MAX {
        return Err(FrameError::TooLarge { bytes });
    }
    // Memory comes with what is read, not with what is announced.
    let mut frame = BytesMut::new();
    let mut rest = pipe.take(u64::from(bytes));
    while rest.read_buf(&mut frame).await? > 0 {}
    if frame.len() < bytes as usize {
        return Ok(None);
    }
    Ok(Some(Message::decode(frame.freeze())?))
}

/// Puts a message behind others.
pub(super) fn append(buffer: &mut Vec<u8>, message: &Message) {
    let bytes = u32::try_from(message.encoded_len()).expect("answers are short");
    buffer.extend_from_slice(&bytes.to_be_bytes());
    message.encode(buffer).expect("a vector grows");
}

#[cfg(test)]
mod tests {
    use super::super::messages::{Body, Flush};
    use super::*;

    fn flush(id: u64) -> Message {
        let flush = Flush { stream_name: Some("s".to_owned()) };
        Message { id, source_id: None, body: Some(Body::Flush(flush)) }
    }

    #[tokio::test]
    async fn messages_come_back_until_the_end() {
        let mut written = Vec::new();
        append(&mut written, &flush(1));
        append(&mut written, &flush(u64::MAX));
        assert_eq!(written[..4], [0, 0, 0, 7]);
        for cut in 1..written.len() {
            let mut pipe = &written[..cut];
            while read(&mut pipe).await.expect("whole messages, then the end").is_some() {}
        }
        let mut pipe = written.as_slice();
        assert_eq!(read(&mut pipe).await.expect("read"), Some(flush(1)));
        assert_eq!(read(&mut pipe).await.expect("read"), Some(flush(u64::MAX)));
        assert_eq!(read(&mut pipe).await.expect("read"), None);
    }

    #[tokio::test]
    async fn what_is_unknown_in_a_message_is_left_out() {
        // id 1 and a field 99.
        let mut pipe = [0, 0, 0, 5, 8, 1, 0x98, 6, 1].as_slice();
        let unknown = Message { id: 1, source_id: None, body: None };
        assert_eq!(read(&mut pipe).await.expect("read"), Some(unknown));
    }

    #[tokio::test]
    async fn what_is_too_large_or_no_message_is_refused() {
        let mut pipe = (BYTES_MAX + 1).to_be_bytes().to_vec();
        pipe.resize(64, 0);
        let refused = read(&mut pipe.as_slice()).await;
        assert!(matches!(refused, Err(FrameError::TooLarge { bytes }) if bytes == BYTES_MAX + 1));
        let refused = read(&mut [0, 0, 0, 1, 0xff].as_slice()).await;
        assert!(matches!(refused, Err(FrameError::NotMessage(_))));
    }
}
