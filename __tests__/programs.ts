import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of a test’s own, with programs that stand in for real ones: whatever the test starts finds those first. */
export class Programs {
  readonly folder = mkdtempSync(join(tmpdir(), 'berth-test-'))
  readonly #path = process.env.PATH

  constructor() {
    process.env.PATH = `${this.folder}:${this.#path}`
  }

  /** A program as a script of sh. `$here` is the folder. */
  add(name: string, script: string): void {
    const file = this.file(name)
    writeFileSync(file, `#!/bin/sh\nhere='${this.folder}'\n${script}\n`)
    chmodSync(file, 0o755)
  }

  /** Lets programs be found here and nowhere else. */
  alone(): void {
    process.env.PATH = this.folder
  }

  file(name: string): string {
    return join(this.folder, name)
  }

  remove(): void {
    process.env.PATH = this.#path
    rmSync(this.folder, { recursive: true, force: true })
  }
}
