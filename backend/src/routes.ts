import { deleteMe } from './features/account-deletion/index.js'
import { beginTotp, changePassword, confirmTotp, login, register, removeTotp } from './features/accounts/index.js'
import { endAllSessions, endSessionsOf, getStats, listUsers, lockDown, reinstate, reopen, suspend } from './features/admin/index.js'
import { createApiKey, exchangeApiKey, listApiKeys, revokeApiKey } from './features/api-keys/index.js'
import { readAudit } from './features/audit/index.js'
import { blockUser, listBlocks, unblockUser } from './features/blocks/index.js'
import { startCode, verifyCode } from './features/codes/index.js'
import { getConfig } from './features/configuration/index.js'
import { checkConversation } from './features/consistency/index.js'
import {
  acceptInvite,
  addMembers,
  changeOwnSettings,
  changeRole,
  createConversation,
  deleteConversation,
  editConversation,
  getConversation,
  leaveConversation,
  listConversations,
  listInvites,
  listMembers,
  makeInvite,
  removeMember,
  revokeInvite,
} from './features/conversations/index.js'
import { beginExport, downloadExport, getExport } from './features/exports/index.js'
import { changeEmail, changePhone, forgotPassword, resetPassword, verifyEmail } from './features/identity/index.js'
import { getLocalFile, putLocalFile, putLocalPart } from './features/local-files/index.js'
import {
  addReaction,
  deleteMessage,
  editMessage,
  getMessage,
  getMessageHistory,
  listMessages,
  removeReaction,
  sendMessage,
} from './features/messages/index.js'
import { getHealth, getLiveness, getReadiness, getReady } from './features/operations/index.js'
import { getPeople, getPerson, lookUpContacts, searchPeople } from './features/people/index.js'
import { sayTyping } from './features/presence/index.js'
import { approveQr, denyQr, exchangeQr, getQrStatus, openQrStream, scanQr, startQr } from './features/qr-login/index.js'
import { getMessageReceipts, sendReceipt } from './features/receipts/index.js'
import { listReports, makeReport, resolveReport } from './features/reports/index.js'
import { searchMessages } from './features/search/index.js'
import { endOtherSessions, endSession, listSessions, logout, logoutAll, refresh } from './features/sessions/index.js'
import { issueTicket, openStream } from './features/streams/index.js'
import { sync } from './features/sync/index.js'
import {
  beginUpload,
  completeUpload,
  getUpload,
  getUploadContent,
  getUploadUrls,
  removeUpload,
  signUploadParts,
} from './features/uploads/index.js'
import { changeMe, getMe } from './features/users/index.js'
import type { AnyEndpoint } from './http/endpoint.js'

/** Every endpoint, by where it hangs. */
export const routes: Readonly<Record<'' | '/api/v1', readonly AnyEndpoint[]>> = {
  '': [getHealth, getLiveness, getReadiness, getReady, openStream],
  '/api/v1': [
    getConfig,
    register,
    login,
    changePassword,
    beginTotp,
    confirmTotp,
    removeTotp,
    refresh,
    startCode,
    verifyCode,
    changeEmail,
    verifyEmail,
    forgotPassword,
    resetPassword,
    changePhone,
    logout,
    logoutAll,
    listSessions,
    endOtherSessions,
    endSession,
    exchangeApiKey,
    createApiKey,
    listApiKeys,
    revokeApiKey,
    startQr,
    openQrStream,
    getQrStatus,
    scanQr,
    approveQr,
    denyQr,
    exchangeQr,
    getMe,
    changeMe,
    deleteMe,
    beginExport,
    getExport,
    downloadExport,
    createConversation,
    listConversations,
    getConversation,
    editConversation,
    deleteConversation,
    changeOwnSettings,
    listMembers,
    addMembers,
    changeRole,
    removeMember,
    leaveConversation,
    makeInvite,
    listInvites,
    acceptInvite,
    revokeInvite,
    sendMessage,
    listMessages,
    searchMessages, // before those of one message, whose id is no such word
    getMessage,
    getMessageHistory,
    editMessage,
    deleteMessage,
    addReaction,
    removeReaction,
    sendReceipt,
    getMessageReceipts,
    sayTyping,
    beginUpload,
    getUploadUrls, // before those of one upload, whose id is no such word
    completeUpload,
    signUploadParts,
    removeUpload,
    getUpload,
    getUploadContent,
    sync,
    issueTicket,
    listUsers,
    suspend,
    reinstate,
    endSessionsOf,
    readAudit,
    getStats,
    lockDown,
    reopen,
    endAllSessions,
    checkConversation,
    searchPeople,
    getPerson,
    getPeople,
    lookUpContacts,
    blockUser,
    unblockUser,
    listBlocks,
    makeReport,
    listReports,
    resolveReport,
    putLocalFile,
    putLocalPart,
    getLocalFile,
  ],
}
