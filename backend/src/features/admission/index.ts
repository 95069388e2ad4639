export { Admission, type AdmissionDocument } from './admission.js'
