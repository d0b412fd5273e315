/**
 * Hosts, clusters and datastores, as far as a backup asks for them.
 * One line a type: its name, its base (or `-`), its fields in order (`?` optional, `*` many).
 * Source: vSphere Web Services API, urn:vim25/7.0.3.0.
 */
export const hostTypes = `
DatastoreSummary DynamicData datastore:ManagedObjectReference? name:string url:string capacity:long
  freeSpace:long uncommitted:long? accessible:boolean multipleHostAccess:boolean? type:string
  maintenanceMode:string?
DatastoreInfo DynamicData name:string url:string freeSpace:long maxFileSize:long
  maxVirtualDiskCapacity:long? maxMemoryFileSize:long? timestamp:dateTime? containerId:string?
  aliasOf:string?
LocalDatastoreInfo DatastoreInfo path:string?
VmfsDatastoreInfo DatastoreInfo maxPhysicalRDMFileSize:long? maxVirtualRDMFileSize:long?
  vmfs:HostVmfsVolume?
NasDatastoreInfo DatastoreInfo nas:HostNasVolume?
DatastoreHostMount DynamicData key:ManagedObjectReference mountInfo:HostMountInfo
HostMountInfo DynamicData path:string? accessMode:string mounted:boolean? accessible:boolean?
  inaccessibleReason:string?
HostRuntimeInfo DynamicData connectionState:HostSystemConnectionState powerState:HostSystemPowerState
  standbyMode:string? inMaintenanceMode:boolean inQuarantineMode:boolean? bootTime:dateTime?
  healthSystemRuntime:HealthSystemRuntime? dasHostState:ClusterDasFdmHostState?
  tpmPcrValues:HostTpmDigestInfo*? vsanRuntimeInfo:VsanHostRuntimeInfo?
  networkRuntimeInfo:HostRuntimeInfoNetworkRuntimeInfo?
  vFlashResourceRuntimeInfo:HostVFlashManagerVFlashResourceRunTimeInfo? hostMaxVirtualDiskCapacity:long?
  cryptoState:string? cryptoKeyId:CryptoKeyId? statelessNvdsMigrationReady:string?
  stateEncryption:HostRuntimeInfoStateEncryptionInfo?
HostListSummary DynamicData host:ManagedObjectReference? hardware:HostHardwareSummary?
  runtime:HostRuntimeInfo? config:HostConfigSummary quickStats:HostListSummaryQuickStats
  overallStatus:ManagedEntityStatus rebootRequired:boolean customValue:CustomFieldValue*?
  managementServerIp:string? maxEVCModeKey:string? currentEVCModeKey:string?
  currentEVCGraphicsModeKey:string? gateway:HostListSummaryGatewaySummary?
  tpmAttestation:HostTpmAttestationInfo? trustAuthorityAttestationInfos:HostTrustAuthorityAttestationInfo*?
HostConfigSummary DynamicData name:string port:int sslThumbprint:string? product:AboutInfo?
  vmotionEnabled:boolean faultToleranceEnabled:boolean? featureVersion:HostFeatureVersionInfo*?
  agentVmDatastore:ManagedObjectReference? agentVmNetwork:ManagedObjectReference?
HostListSummaryQuickStats DynamicData overallCpuUsage:int? overallMemoryUsage:int?
  distributedCpuFairness:int? distributedMemoryFairness:int? availablePMemCapacity:int? uptime:int?
HostHardwareSummary DynamicData vendor:string model:string uuid:string
  otherIdentifyingInfo:HostSystemIdentificationInfo*? memorySize:long cpuModel:string cpuMhz:int
  numCpuPkgs:short numCpuCores:short numCpuThreads:short numNics:int numHBAs:int
ComputeResourceSummary DynamicData totalCpu:int totalMemory:long numCpuCores:short numCpuThreads:short
  effectiveCpu:int effectiveMemory:long numHosts:int numEffectiveHosts:int overallStatus:ManagedEntityStatus
ClusterComputeResourceSummary ComputeResourceSummary currentFailoverLevel:int
  admissionControlInfo:ClusterDasAdmissionControlInfo? numVmotions:int targetBalance:int?
  currentBalance:int? drsScore:int? numVmsPerDrsScoreBucket:int*? usageSummary:ClusterUsageSummary?
  currentEVCModeKey:string? currentEVCGraphicsModeKey:string? dasData:ClusterDasData?
  clusterMaintenanceModeStatus:string? vcsHealthStatus:string? vcsSlots:ClusterComputeResourceVcsSlots*?
NetworkSummary DynamicData network:ManagedObjectReference? name:string accessible:boolean ipPoolName:string?
  ipPoolId:int?
DatastoreCapability DynamicData directoryHierarchySupported:boolean rawDiskMappingsSupported:boolean
  perFileThinProvisioningSupported:boolean storageIORMSupported:boolean? nativeSnapshotSupported:boolean?
  topLevelDirectoryCreateSupported:boolean? seSparseSupported:boolean? vmfsSparseSupported:boolean?
  vsanSparseSupported:boolean? upitSupported:boolean? vmdkExpandSupported:boolean?
  clusteredVmdkSupported:boolean?
`;
