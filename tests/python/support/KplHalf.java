// The Java half of the Kinesis Producer Library in miniature:
// java KplHalf.java CHILD FOLDER CONFIGURATION STREAM COUNT
// starts the child, puts so many records, and prints a line for each result and the child's exit status.

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

public class KplHalf {
    static final long CREDENTIALS_ID = Long.MAX_VALUE;

    public static void main(String[] args) throws Exception {
        String child = args[0], configuration = args[2], stream = args[3];
        int count = Integer.parseInt(args[4]);
        Path in = Path.of(args[1], "in"), out = Path.of(args[1], "out");
        if (new ProcessBuilder("mkfifo", in.toString(), out.toString()).inheritIO().start().waitFor() != 0) {
            throw new IOException("no pipes");
        }
        ProcessBuilder builder = new ProcessBuilder(child, "-o", out.toString(), "-i", in.toString(),
                "-c", configuration, "-t");
        builder.environment().put("CA_DIR", "");
        builder.environment().put("CA_FILE", "");
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(Path.of(args[1], "child.log").toFile()).start();
        // The one that is read comes first.
        try (DataInputStream results = new DataInputStream(new FileInputStream(in.toFile()))) {
            DataOutputStream messages = new DataOutputStream(new FileOutputStream(out.toFile()));
            byte[] pair = message(text(1, "123456789012"), text(2, "secret"));
            for (int forMetrics = 0; forMetrics < 2; forMetrics++) {
                byte[] body = message(number(1, forMetrics), bytes(2, pair));
                send(messages, CREDENTIALS_ID, bytes(9, body));
            }
            for (int i = 0; i < count; i++) {
                byte[] body = message(text(1, stream), text(2, "k" + i), bytes(4, ("" + i).getBytes()));
                send(messages, 1000 + i, bytes(3, body));
            }
            send(messages, 1, bytes(4, new byte[0]));
            for (int i = 0; i < count; i++) {
                byte[] frame = new byte[results.readInt()];
                results.readFully(frame);
                Map<Integer, Object> answer = fields(frame), result = fields((byte[]) answer.get(5));
                System.out.println(answer.get(2) + " " + result.get(2) + " " + string(result.get(3)) + " "
                        + string(result.get(4)));
            }
            messages.close();
            System.out.println("exit " + process.waitFor());
        }
    }

    static void send(DataOutputStream pipe, long id, byte[] body) throws IOException {
        byte[] frame = message(number(1, id), body);
        pipe.write(message(new byte[] {(byte) (frame.length >> 24), (byte) (frame.length >> 16),
                (byte) (frame.length >> 8), (byte) frame.length}, frame));
    }

    static byte[] message(byte[]... fields) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] field : fields) all.write(field);
        return all.toByteArray();
    }

    static byte[] varint(long number) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (; (number & ~0x7fL) != 0; number >>>= 7) out.write((int) (number & 0x7f | 0x80));
        out.write((int) number);
        return out.toByteArray();
    }

    static byte[] number(int field, long value) throws IOException {
        return message(varint(field << 3), varint(value));
    }

    static byte[] bytes(int field, byte[] value) throws IOException {
        return message(varint(field << 3 | 2), varint(value.length), value);
    }

    static byte[] text(int field, String value) throws IOException {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    static String string(Object bytes) {
        return new String((byte[]) bytes, StandardCharsets.UTF_8);
    }

    static long varint(ByteArrayInputStream in) {
        long number = 0;
        for (int shift = 0; ; shift += 7) {
            int read = in.read();
            number |= (long) (read & 0x7f) << shift;
            if (read < 0x80) return number;
        }
    }

    /** The last value of each field: numbers and bytes. */
    static Map<Integer, Object> fields(byte[] message) throws IOException {
        ByteArrayInputStream in = new ByteArrayInputStream(message);
        Map<Integer, Object> found = new HashMap<>();
        while (in.available() > 0) {
            int tag = (int) varint(in);
            found.put(tag >> 3, (tag & 7) == 0 ? (Object) varint(in) : in.readNBytes((int) varint(in)));
        }
        return found;
    }
}
