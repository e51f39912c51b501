/** Directives of nginx by name, with the places where they may stand, as its binary or one of its modules lists them. */
export function directives(elf: Buffer): Map<string, number> {
  const word = (at: number) => Number(elf.readBigUInt64LE(at))
  const table = (at: number, size: number, count: number) =>
    Array.from({ length: elf.readUInt16LE(count) }, (_, index) => word(at) + index * elf.readUInt16LE(size))
  const segments = table(32, 54, 56)
    .filter(header => elf.readUInt32LE(header) === 1)
    .map(header => ({ offset: word(header + 8), address: word(header + 16), size: word(header + 32) }))
  const place = (address: number) => {
    const segment = segments.find(each => address >= each.address && address < each.address + each.size)
    return segment && address - segment.address + segment.offset
  }
  const found = new Map<string, number>()
  for (const header of table(40, 58, 60).filter(each => elf.readUInt32LE(each + 4) === relocations)) {
    const [start, size] = [word(header + 24), word(header + 32)]
    for (let entry = start; entry < start + size; entry += 24) {
      // An `ngx_command_t`: the length of a name, the name, its type. The name is a pointer, so its place is relocated.
      const [spot, text] = [place(word(entry)), place(word(entry + 16))]
      if (spot === undefined || text === undefined || spot < 8) continue
      const [length, type] = [elf.readBigUInt64LE(spot - 8), elf.readBigUInt64LE(spot + 8)]
      if (length < 2n || length > 64n || type >> 32n) continue
      const name = elf.toString('latin1', text, text + Number(length) + 1)
      if (/^[a-z0-9_]+\0$/.test(name))
        found.set(name.slice(0, -1), (found.get(name.slice(0, -1)) ?? 0) | Number(type))
    }
  }
  return found
}

const relocations = 4

/** NGX_HTTP_MAIN_CONF, NGX_HTTP_SRV_CONF and NGX_HTTP_LOC_CONF. */
const [http, server, location] = [0x02000000, 0x04000000, 0x08000000]

/** Those that may stand in `http{}` and below it. */
export function inheritable(elf: Buffer): string[] {
  return [...directives(elf)]
    .filter(([, type]) => type & http && type & (server | location))
    .map(([name]) => name)
    .sort()
}
