//! Frames of HTTP/2, written as an attacker would: without looking at what comes back.

/// What a connection begins with: the preface and empty settings.
pub(crate) fn opening() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A request that goes on with a body.
pub(crate) fn request(stream: u32, headers: &[(&str, String)]) -> Vec<u8> {
    // :method POST, :scheme http, :path /
    let mut head = vec![0x83, 0x86, 0x84];
    for (name, value) in headers {
        head.push(0);
        for text in [*name, value] {
            // Seven bits of a length, then the rest of it, seven bits at a time.
            let mut rest = text.len();
            if rest < 127 {
                head.push(rest as u8);
            } else {
                head.push(127);
                rest -= 127;
                while rest >= 128 {
                    head.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                head.push(rest as u8);
            }
            head.extend(text.as_bytes());
        }
    }
    frame(1, 4, stream, &head)
}

pub(crate) fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(0, 0, stream, bytes)
}

pub(crate) fn ping() -> Vec<u8> {
    frame(6, 0, 0, &[7; 8])
}
