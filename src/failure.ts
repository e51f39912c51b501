/**
 * Where a failure is explained: the headings of docs/troubleshooting.md, each by the name that the sources use.
 *
 * A heading is also the title of the annotation, which GitHub does not mask: it must be the same for everybody.
 */
export const topics = {
  key: 'The SSH key can’t be used',
  hostKey: 'The host key is missing or another one',
  users: 'Users, passwords and access',
  ownCertificate: 'The certificate that you bring is not accepted',
  imageName: 'An image or a tag has no valid name',
  input: 'An input is missing or wrong',
  busy: 'Another run is at work',
  samePush: 'Somebody else pushes the same tag',
  immutable: 'A tag would move',
  diskFull: 'The disk is full',
  clock: 'The server’s clock is wrong',
  runnerProgram: 'The runner lacks a program',
  runnerDocker: 'The runner’s Docker does not answer',
  login: 'The server does not let SSH in',
  sudo: 'Berth can’t become root',
  connectionLost: 'The connection was lost',
  connection: 'SSH does not reach the server',
  serverDocker: 'Docker does not start on the server',
  packageManager: 'Another package manager is at work',
  serverProgram: 'A program is missing on the server',
  port: 'A port is taken',
  rival: 'Another site or registry is in the way',
  nginx: 'nginx refuses its configuration',
  noRegistry: 'The server has no registry yet',
  authority: 'The certificate authority gives no certificate',
  authorityView: 'The certificate authority sees another world',
  trust: 'A private authority is not trusted',
  renewal: 'The certificate is not renewed',
  servedCertificate: 'The certificate is not the right one',
  github: 'GitHub can’t be told',
  dns: 'DNS does not point to the server',
  port80: 'Port 80 can’t be reached',
  registryStart: 'The registry does not start',
  registryLogin: 'The registry does not let a user in',
  pushRights: 'A user may not push',
  proxy: 'A proxy is in the way',
  imageMissing: 'The image is not there',
  endpoint: 'The registry does not answer',
  push: 'A push stops half way',
  step: 'A step on the server failed',
} as const

export type Topic = keyof typeof topics

/** What went wrong, in a sentence: the cause, a semicolon, what to do. */
export class Failure extends Error {
  /** `undefined` if nobody expected it. */
  readonly topic: Topic | undefined

  constructor(topic: Topic | undefined, sentence: string) {
    super(sentence)
    this.topic = topic
  }
}

/** Several failures as one: the first says where to read on. `undefined` if there is none. */
export function joined(failures: readonly Failure[]): Failure | undefined {
  const [first] = failures
  return first && new Failure(first.topic, failures.map(({ message }) => message).join('\n'))
}

/** Whatever was thrown. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  return new Failure(undefined, error instanceof Error ? error.message : String(error))
}
