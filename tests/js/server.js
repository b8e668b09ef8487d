// Starts the real executable on a port of its choosing.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

export function binary() {
  const file = process.env.ANABRANCH_BIN ?? path.join(root, "target/release/anabranch");
  if (!existsSync(file)) {
    throw new Error(`no server executable at ${file}; run \`cargo build --release\` first`);
  }
  return file;
}

export async function startServer(...flags) {
  const directory = mkdtempSync(path.join(tmpdir(), "anabranch-js-"));
  const dataDir = path.join(directory, "data");
  const child = spawn(
    binary(),
    ["serve", "--listen", "127.0.0.1:0", "--data-dir", dataDir, "--limits", "off", ...flags],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (chunk) => (log += chunk));
  const lines = readline.createInterface({ input: child.stdout });
  const endpoint = await new Promise((resolve, reject) => {
    lines.once("line", (line) => {
      const match = /^listening on (https?:\/\/\S+)$/.exec(line);
      match ? resolve(match[1]) : reject(new Error(`unexpected first line: ${line}`));
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${log}`)));
    child.once("error", reject);
  });
  return {
    endpoint,
    dataDir,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const code = await ended;
      rmSync(directory, { recursive: true, force: true });
      return code;
    },
  };
}
