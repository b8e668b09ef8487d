//! Spools of producers, for the target of what is on their disk.

/// The id of all segments.
pub const SEGMENT_ID: u64 = 0x5e1f_0c2a_b4d9_9310;
const HEAD_BYTES: usize = 64;
const OUTCOME_BYTES: usize = 16;

/// CRC-32 of the id and what it is of.
fn crc_of(bytes: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&SEGMENT_ID.to_le_bytes());
    crc.update(bytes);
    crc.finalize().to_le_bytes()
}

fn repair_header(header: &mut [u8], magic: &[u8; 4], number: u64) {
    header.fill(0);
    header[..4].copy_from_slice(magic);
    header[8..16].copy_from_slice(&number.to_le_bytes());
    header[16..24].copy_from_slice(&SEGMENT_ID.to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..64].copy_from_slice(&crc.to_le_bytes());
}

/// Makes it a records file whose frames have right checksums and lengths that fit.
pub fn repair_records(bytes: &mut [u8], number: u64) {
    let Some((header, mut frames)) = bytes.split_at_mut_checked(HEAD_BYTES) else { return };
    repair_header(header, b"ABP1", number);
    while let Some((head, rest)) = frames.split_at_mut_checked(HEAD_BYTES) {
        let short = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        // Frames that are no records, or cut, are kept once in a while, by what they begin with.
        let is_kept = head[0] == 0xff;
        let data = short(40) % (rest.len() + 1);
        let stream = short(44) % (rest.len() - data + 1);
        let key = short(46) % (rest.len() - data - stream + 1);
        if !is_kept {
            head[40..44].copy_from_slice(&(data as u32).to_le_bytes());
            head[44..46].copy_from_slice(&(stream as u16).to_le_bytes());
            head[46..48].copy_from_slice(&(key as u16).to_le_bytes());
            head[48] = 1 + head[48] % 3;
        }
        let (body, rest) = rest.split_at_mut(data + stream + key);
        head[..4].copy_from_slice(b"ABQ1");
        head[4..8].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        let crc = crc_of(&head[..60]);
        head[60..64].copy_from_slice(&crc);
        frames = rest;
    }
}

/// Makes it an outcomes file whose entries have right checksums.
pub fn repair_outcomes(bytes: &mut [u8], number: u64) {
    let Some((header, entries)) = bytes.split_at_mut_checked(HEAD_BYTES) else { return };
    repair_header(header, b"ABO1", number);
    for entry in entries.chunks_exact_mut(OUTCOME_BYTES) {
        let crc = crc_of(&entry[..12]);
        entry[12..].copy_from_slice(&crc);
    }
}
