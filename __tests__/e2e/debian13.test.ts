import { mainJob } from './main-job.ts'

mainJob('trixie', 'registry:3.1.2')
